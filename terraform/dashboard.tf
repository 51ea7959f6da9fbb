locals {
  # Each chart shows all subscriptions. The list at the top has the expected values of each.
  watched_match     = "(${join(" OR ", [for id in sort(keys(local.watched)) : local.watched[id].match])})"
  dead_letter_match = "(${join(" OR ", [for topic in sort(local.dead_letter_topics) : "resource.labels.subscription_id = \"${topic}\""])})"

  charts = [
    { title = "Age of the oldest unacknowledged message", unit = "s", metric = "oldest_unacked_message_age", match = local.watched_match, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
    { title = "Unacknowledged messages", unit = "1", metric = "num_undelivered_messages", match = local.watched_match, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
    { title = "Pushes by result", unit = "1/s", metric = "push_request_count", match = local.watched_match, aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.label.subscription_id", "metric.label.response_class"] },
    { title = "Failed pushes by status", unit = "1/s", metric = "push_request_count", match = "${local.watched_match} AND metric.labels.response_class != \"ack\"", aligner = "ALIGN_RATE", reducer = "REDUCE_SUM", by = ["resource.label.subscription_id", "metric.label.response_code"] },
    { title = "Latency of a push, 95th percentile", unit = "us", metric = "push_request_latencies", match = local.watched_match, aligner = "ALIGN_DELTA", reducer = "REDUCE_PERCENTILE_95", by = ["resource.label.subscription_id"] },
    { title = "Messages dead-lettered by Pub/Sub", unit = "1", metric = "dead_letter_message_count", match = local.watched_match, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["resource.label.subscription_id"] },
    { title = "Dead letters in their subscriptions", unit = "1", metric = "num_undelivered_messages", match = local.dead_letter_match, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
    { title = "Age of the oldest dead letter, of 31 days", unit = "s", metric = "oldest_unacked_message_age", match = local.dead_letter_match, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
  ]

  normal = join("\n", concat(
    ["| subscription | topic | purpose | owner | ack deadline | attempts | messages a second | latency | may wait |", "|---|---|---|---|---|---|---|---|---|"],
    [for id, declared in local.watched : "| ${join(" | ", [
      id, declared.topic, replace(declared.purpose, "|", "/"), declared.owner == null ? "" : replace(declared.owner, "|", "/"),
      "${declared.ack_deadline_seconds} s",
      declared.max_delivery_attempts,
      try(tostring(declared.expected.messages_per_second + 0), ""),
      "${local.latency_limits_seconds[id]} s",
      declared.alerts.oldest_unacked_age_seconds == null ? "" : "${declared.alerts.oldest_unacked_age_seconds} s",
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
            dataSets = [{
              plotType   = "LINE"
              targetAxis = "Y1"
              timeSeriesQuery = {
                unitOverride = chart.unit
                timeSeriesFilter = {
                  filter = "resource.type = \"pubsub_subscription\" AND ${chart.match} AND metric.type = \"pubsub.googleapis.com/subscription/${chart.metric}\""
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
  )
}

resource "google_monitoring_dashboard" "dashboard" {
  count = length(local.watched) > 0 ? 1 : 0

  project = var.project
  dashboard_json = jsonencode({
    displayName      = "${var.name}: subscriptions"
    dashboardFilters = [{ filterType = "RESOURCE_LABEL", labelKey = "subscription_id" }]
    mosaicLayout     = { columns = 48, tiles = local.tiles }
  })

  depends_on = [google_project_service.api]
}
