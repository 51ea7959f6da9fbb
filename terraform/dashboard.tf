locals {
  # Each chart shows all subscriptions. The list at the top has the expected values of each.
  watched_match     = "(${join(" OR ", [for id in sort(keys(local.watched)) : local.watched[id].match])})"
  dead_letter_match = "(${join(" OR ", [for topic in sort(local.dead_letter_topics) : "resource.labels.subscription_id = \"${topic}\""])})"

  service_match = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${var.name}\" AND resource.labels.location = \"${var.region}\""
  redis_match   = var.store == "memorystore" ? "resource.type = \"redis_instance\" AND resource.labels.instance_id = \"${google_redis_instance.store[0].id}\"" : ""
  # Firestore's metrics were seen with both resources: a chart shows the one that has data.
  firestore_matches = ["resource.type = \"firestore.googleapis.com/Database\"", "resource.type = \"firestore_instance\""]

  subscription_charts = [
    { title = "Age of the oldest unacknowledged message", unit = "s", metric = "oldest_unacked_message_age", match = local.watched_match, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
    { title = "Unacknowledged messages", unit = "1", metric = "num_undelivered_messages", match = local.watched_match, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
    { title = "Pushes by result", unit = "1/s", metric = "push_request_count", match = local.watched_match, aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.label.subscription_id", "metric.label.response_class"] },
    { title = "Failed pushes by status", unit = "1/s", metric = "push_request_count", match = "${local.watched_match} AND metric.labels.response_class != \"ack\"", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.label.subscription_id", "metric.label.response_code"] },
    { title = "Latency of a push, 95th percentile", unit = "us", metric = "push_request_latencies", match = local.watched_match, aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_95", by = ["resource.label.subscription_id"] },
    { title = "Messages dead-lettered by Pub/Sub", unit = "1", metric = "dead_letter_message_count", match = local.watched_match, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["resource.label.subscription_id"] },
    { title = "Dead letters in their subscriptions", unit = "1", metric = "num_undelivered_messages", match = local.dead_letter_match, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
    { title = "Age of the oldest dead letter, of 31 days", unit = "s", metric = "oldest_unacked_message_age", match = local.dead_letter_match, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
  ]

  service_charts = [
    { title = "Instances, of ${var.max_instances}", unit = "1", metric = "container/instance_count", aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = ["metric.label.state", "resource.label.revision_name"] },
    { title = "Requests by status and revision", unit = "1/s", metric = "request_count", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["metric.label.response_code", "resource.label.revision_name"] },
    { title = "CPU of an instance, 95th percentile", unit = "10^2.%", metric = "container/cpu/utilizations", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_95", by = ["resource.label.revision_name"] },
    { title = "Memory of an instance, 95th percentile", unit = "10^2.%", metric = "container/memory/utilizations", aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_95", by = ["resource.label.revision_name"] },
  ]

  store_charts = var.store == "memorystore" ? [
    { title = "Memory of the store", unit = "10^2.%", metric = "redis.googleapis.com/stats/memory/usage_ratio", matches = [local.redis_match], aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = [] },
    { title = "Connections to the store", unit = "1", metric = "redis.googleapis.com/clients/connected", matches = [local.redis_match], aligner = "ALIGN_MAX", reducer = "REDUCE_SUM", by = [] },
    ] : [
    { title = "Writes to Firestore, of all services", unit = "1/s", metric = "firestore.googleapis.com/document/write_count", matches = local.firestore_matches, aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = [] },
    { title = "Reads from Firestore, of all services", unit = "1/s", metric = "firestore.googleapis.com/document/read_count", matches = local.firestore_matches, aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = [] },
  ]

  # Each chart with the filters of its data.
  charts = concat(
    [for chart in local.subscription_charts : merge(chart, { filters = ["resource.type = \"pubsub_subscription\" AND ${chart.match} AND metric.type = \"pubsub.googleapis.com/subscription/${chart.metric}\""] })],
    [for chart in local.service_charts : merge(chart, { filters = ["${local.service_match} AND metric.type = \"run.googleapis.com/${chart.metric}\""] })],
    [for chart in local.store_charts : merge(chart, { filters = [for match in chart.matches : "${match} AND metric.type = \"${chart.metric}\""] })],
  )

  logs = [
    { title = "Lines on which a person must act", filter = local.log_alerts["error_lines"].filter },
    { title = "Pushes that were not acknowledged, and dead letters", filter = "${local.own_lines} AND jsonPayload.outcome:* AND severity>=WARNING" },
    { title = "Deployments that failed, and pinned traffic", filter = "(${local.log_alerts["failed_rollout"].filter}) OR (${local.log_alerts["pinned_traffic"].filter})" },
  ]

  normal = join("\n", concat(
    ["| subscription | topic | purpose | owner | ack deadline | attempts | messages a second | latency | may wait |", "|---|---|---|---|---|---|---|---|---|"],
    [for id, declared in local.watched : "| ${join(" | ", [
      id, declared.topic, replace(declared.purpose, "|", "/"), declared.owner == null ? "" : replace(declared.owner, "|", "/"),
      "${declared.ack_deadline_seconds} s",
      declared.max_delivery_attempts,
      try(tostring(declared.expected.messages_per_second + 0), ""),
      "${local.limits[id].latency_seconds} s",
      local.limits[id].oldest_unacked_age_seconds == null ? "" : "${local.limits[id].oldest_unacked_age_seconds} s",
    ])} |"]
  ))

  list_height = 4 + ceil(length(local.watched) / 2)

  tiles = concat(
    [{ xPos = 0, yPos = 0, width = 48, height = local.list_height, widget = { title = "Expected values", text = { format = "MARKDOWN", content = local.normal } } }],
    [
      for index, chart in local.charts : {
        xPos   = index % 2 * 24
        yPos   = local.list_height + floor(index / 2) * 16
        width  = 24
        height = 16
        widget = {
          title = chart.title
          xyChart = {
            dataSets = [for filter in chart.filters : {
              plotType   = "LINE"
              targetAxis = "Y1"
              timeSeriesQuery = {
                unitOverride = chart.unit
                timeSeriesFilter = {
                  filter = filter
                  aggregation = {
                    alignmentPeriod    = "60s"
                    perSeriesAligner   = chart.aligner
                    crossSeriesReducer = chart.reducer
                    groupByFields      = chart.by
                  }
                }
              }
            }]
          }
        }
      }
    ],
    [
      for index, log in local.logs : {
        xPos   = 0
        yPos   = local.list_height + (ceil(length(local.charts) / 2) + index) * 16
        width  = 48
        height = 16
        widget = { title = log.title, logsPanel = { filter = log.filter, resourceNames = ["projects/${var.project}"] } }
      }
    ],
  )
}

resource "google_monitoring_dashboard" "dashboard" {
  count = length(local.watched) > 0 ? 1 : 0

  project = var.project
  dashboard_json = jsonencode({
    displayName      = "${var.name}: subscriptions, service, store and log"
    dashboardFilters = [{ filterType = "RESOURCE_LABEL", labelKey = "subscription_id" }]
    mosaicLayout     = { columns = 48, tiles = local.tiles }
  })

  depends_on = [google_project_service.api]
}
