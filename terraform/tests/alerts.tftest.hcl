# Alerts and the dashboard, from what each subscription declares.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  project = "my-project"
  region  = "europe-west1"
  image   = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate:1"
  store   = "firestore"
  topics  = { orders = {} }
  subscriptions = {
    loud = {
      topic                 = "orders", purpose = "Reserves stock.", owner = "stock@example.com", dead_letter_topic = "loud-dead", ack_deadline_seconds = 30
      max_delivery_attempts = 7, message_retention_duration = "86400s"
      expected              = { messages_per_second = 5, latency_seconds = 2 }
      alerts                = { oldest_unacked_age_seconds = 900, undelivered_messages = 4000, failed_push_share = 0.25 }
    }
    estimated = {
      topic    = "orders", purpose = "Knows what comes.", dead_letter_topic = "estimated-dead"
      expected = { messages_per_second = 0.5 }
      alerts   = { oldest_unacked_age_seconds = 1801 }
    }
    quiet = { topic = "orders", purpose = "Wants none.", dead_letter_topic = "loud-dead" }
    slow  = { topic = "orders", purpose = "Takes its time.", dead_letter_topic = "loud-dead", expected = { latency_seconds = 3600 }, alerts = { undelivered_messages = 5 } }
  }
  eventarc_triggers     = {}
  schedules             = {}
  notification_channels = ["projects/my-project/notificationChannels/1"]
}

run "a_subscription_has_at_most_three_policies_with_the_declared_limits" {
  command = plan

  assert {
    condition = alltrue([
      for id in keys(var.subscriptions) : sum([for policies in [google_monitoring_alert_policy.waiting, google_monitoring_alert_policy.failing, google_monitoring_alert_policy.lost] : contains(keys(policies), id) ? 1 : 0]) <= 3
      ]) && length(concat(
      values(google_monitoring_alert_policy.waiting), values(google_monitoring_alert_policy.failing), values(google_monitoring_alert_policy.lost),
    )) == 11
    error_message = "Three policies for each of four subscriptions, but for one that declares neither an age nor a backlog."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.waiting)) == toset(["loud", "estimated", "slow"])
    error_message = "An alert on waiting messages exists where an age or a number is declared."
  }
  assert {
    condition = (
      google_monitoring_alert_policy.waiting["loud"].conditions[0].condition_threshold[0].threshold_value == 900 &&
      google_monitoring_alert_policy.waiting["loud"].conditions[0].condition_threshold[0].filter == "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"loud\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
    )
    error_message = "The first condition is the age of the oldest message of that subscription."
  }
  assert {
    condition     = google_monitoring_alert_policy.waiting["loud"].conditions[1].condition_threshold[0].threshold_value == 4000 && strcontains(google_monitoring_alert_policy.waiting["loud"].conditions[1].condition_threshold[0].filter, "num_undelivered_messages")
    error_message = "The second condition is the declared number of messages."
  }
  assert {
    condition     = google_monitoring_alert_policy.waiting["estimated"].conditions[1].condition_threshold[0].threshold_value == 901
    error_message = "Without a declared number the limit is the number of messages that arrive while the oldest may wait, rounded up."
  }
  assert {
    condition     = length(google_monitoring_alert_policy.waiting["slow"].conditions) == 1 && google_monitoring_alert_policy.waiting["slow"].conditions[0].condition_threshold[0].threshold_value == 5
    error_message = "A number alone is one condition."
  }
  assert {
    condition     = google_monitoring_alert_policy.failing["loud"].conditions[0].condition_threshold[0].threshold_value == 0.25 && length(google_monitoring_alert_policy.failing["loud"].conditions) == 2 && length(google_monitoring_alert_policy.failing["quiet"].conditions) == 1
    error_message = "A condition on failed pushes exists where a share is declared."
  }
  assert {
    condition     = "${google_monitoring_alert_policy.failing["loud"].conditions[0].condition_threshold[0].denominator_filter} AND metric.labels.response_class != \"ack\"" == google_monitoring_alert_policy.failing["loud"].conditions[0].condition_threshold[0].filter
    error_message = "The share is that of the pushes that are not acked."
  }
  assert {
    condition = { for id, policy in google_monitoring_alert_policy.failing : id => policy.conditions[length(policy.conditions) - 1].condition_threshold[0].threshold_value } == {
      loud = 2000000, estimated = 48000000, quiet = 48000000, slow = 48000000
    }
    error_message = "The latency limit is the expected latency in microseconds, and at most four fifths of the ack deadline."
  }
  assert {
    condition     = google_monitoring_alert_policy.failing["loud"].conditions[1].condition_threshold[0].aggregations[0].cross_series_reducer == "REDUCE_PERCENTILE_95"
    error_message = "The latency is that of the 95th percentile."
  }
  assert {
    condition = alltrue([
      for policy in values(google_monitoring_alert_policy.lost) :
      policy.conditions[0].condition_threshold[0].threshold_value == 0 && strcontains(policy.conditions[0].condition_threshold[0].filter, "dead_letter_message_count")
    ])
    error_message = "Every subscription has a condition on the first message that Pub/Sub gives up."
  }
  assert {
    condition = { for id, policy in google_monitoring_alert_policy.lost : id => [for condition in slice(policy.conditions, 1, 3) : condition.condition_threshold[0].threshold_value] } == {
      loud = [69120, 2142720], estimated = [483840, 2142720], quiet = [483840, 2142720], slow = [483840, 2142720]
    }
    error_message = "An alert fires at four fifths of the retention, also for dead letters."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.lost["quiet"].conditions[2].condition_threshold[0].filter, "subscription_id = \"loud-dead\"")
    error_message = "The dead letters are those of the declared topic."
  }
}

run "the_service_has_an_alert_for_each_incident" {
  command = plan

  assert {
    condition     = toset(keys(google_monitoring_alert_policy.log)) == toset(["error_lines", "failed_rollout", "no_instance", "pinned_traffic", "poison"])
    error_message = "These incidents are found in the log."
  }
  assert {
    condition = alltrue([
      for policy in values(google_monitoring_alert_policy.log) :
      length(policy.conditions) == 1 && strcontains(policy.conditions[0].condition_matched_log[0].filter, "resource.labels.service_name=\"pushgate\"") &&
      policy.alert_strategy[0].notification_rate_limit[0].period == "3600s" && policy.alert_strategy[0].auto_close == "86400s"
    ])
    error_message = "A policy on the log has one condition, of this service, and a limit of notifications."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.log["error_lines"].conditions[0].condition_matched_log[0].filter, "(severity>=ERROR OR jsonPayload.severity=\"ERROR\")")
    error_message = "ERROR is found where Cloud Run lifts the severity, and where it does not."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.log["poison"].conditions[0].condition_matched_log[0].filter, "(jsonPayload.outcome=\"dead-lettered\" OR labels.outcome=\"dead-lettered\")") && google_monitoring_alert_policy.log["poison"].conditions[0].condition_matched_log[0].label_extractors == tomap({ subscription = "EXTRACT(labels.subscription)" })
    error_message = "Dead letters with pushgate's reason are an incident of their own for each subscription."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.log["failed_rollout"].conditions[0].condition_matched_log[0].filter, "protoPayload.status.message:\"Ready condition status changed to False\"") && strcontains(google_monitoring_alert_policy.log["failed_rollout"].conditions[0].condition_matched_log[0].filter, "cloudaudit.googleapis.com%2Fsystem_event")
    error_message = "A failed rollout is found in Cloud Run's audit log."
  }
  assert {
    condition = alltrue([
      for part in ["protoPayload.response.spec.traffic.revisionName:*", "protoPayload.response.traffic.revision:*", "NOT protoPayload.response.spec.traffic.latestRevision=\"true\"", "NOT protoPayload.response.traffic.type=\"TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST\""] :
      strcontains(google_monitoring_alert_policy.log["pinned_traffic"].conditions[0].condition_matched_log[0].filter, part)
    ])
    error_message = "Pinned traffic is found in the forms of both versions of Cloud Run's API."
  }
  assert {
    condition     = google_monitoring_alert_policy.instance_limit[0].conditions[0].condition_threshold[0].threshold_value == 8 && google_monitoring_alert_policy.instance_limit[0].conditions[0].display_name == "At least 9 of 10 instances are busy"
    error_message = "Nine of ten instances are nearly all."
  }
  assert {
    condition     = length(google_monitoring_alert_policy.store_full) == 0
    error_message = "Firestore has no alert on its capacity."
  }
}

run "each_alert_says_what_it_means_and_what_repairs_it" {
  command = plan

  assert {
    condition = alltrue([
      for policy in concat(
        values(google_monitoring_alert_policy.waiting), values(google_monitoring_alert_policy.failing), values(google_monitoring_alert_policy.lost),
        values(google_monitoring_alert_policy.log), google_monitoring_alert_policy.instance_limit,
      ) :
      policy.notification_channels == tolist(["projects/my-project/notificationChannels/1"]) && alltrue([
        for paragraph in ["**Meaning**: ", "**First look**: ", "**Repair**: ", "**Runbook**: docs/run/"] : strcontains(policy.documentation[0].content, paragraph)
      ]) && !strcontains(policy.documentation[0].content, "\n ")
    ])
    error_message = "Every alert has a channel, its meaning, a first look, the repair and a page, in lines without indentation."
  }
  assert {
    condition = alltrue([
      for policy in [google_monitoring_alert_policy.waiting["loud"], google_monitoring_alert_policy.failing["loud"], google_monitoring_alert_policy.lost["loud"]] :
      strcontains(policy.documentation[0].content, "`loud`") && strcontains(policy.documentation[0].content, "stock@example.com") && strcontains(policy.documentation[0].content, "Reserves stock.")
    ])
    error_message = "Every alert on a subscription names it, its owner and its purpose."
  }
}

run "an_environment_has_limits_of_its_own" {
  command = plan
  variables {
    alerts = {
      oldest_unacked_age_seconds  = 7200
      failed_push_share           = 0.9
      retention_share             = 0.5
      instance_share              = 0.5
      auto_close_seconds          = 1800
      notification_period_seconds = 300
      runbooks                    = "https://pages.example/run"
      subscriptions               = { quiet = { oldest_unacked_age_seconds = 60, undelivered_messages = 1, latency_seconds = 0.5 } }
    }
  }

  assert {
    condition = { for id, policy in google_monitoring_alert_policy.waiting : id => [for condition in policy.conditions : condition.condition_threshold[0].threshold_value] } == {
      loud = [7200, 4000], estimated = [7200, 3600], quiet = [60, 1], slow = [7200, 5]
    }
    error_message = "A limit of a subscription precedes that of the environment, and both precede the declared one."
  }
  assert {
    condition     = alltrue([for policy in values(google_monitoring_alert_policy.failing) : policy.conditions[0].condition_threshold[0].threshold_value == 0.9]) && google_monitoring_alert_policy.failing["quiet"].conditions[1].condition_threshold[0].threshold_value == 500000
    error_message = "Share and latency are those of the environment."
  }
  assert {
    condition     = google_monitoring_alert_policy.lost["loud"].conditions[1].condition_threshold[0].threshold_value == 43200 && google_monitoring_alert_policy.instance_limit[0].conditions[0].condition_threshold[0].threshold_value == 4
    error_message = "The shares are those of the environment."
  }
  assert {
    condition     = google_monitoring_alert_policy.log["poison"].alert_strategy[0].notification_rate_limit[0].period == "300s" && google_monitoring_alert_policy.waiting["loud"].alert_strategy[0].auto_close == "1800s"
    error_message = "The times are those of the environment."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.log["poison"].documentation[0].content, "**Runbook**: https://pages.example/run/dead-letters.md")
    error_message = "The pages are found where the environment has them."
  }
}

run "one_switch_removes_every_alert" {
  command = plan
  variables {
    store   = "memorystore"
    network = { network = "projects/net/global/networks/main", subnetwork = "projects/net/regions/europe-west1/subnetworks/run" }
    alerts  = { enabled = false }
  }

  assert {
    condition = length(concat(
      values(google_monitoring_alert_policy.waiting), values(google_monitoring_alert_policy.failing), values(google_monitoring_alert_policy.lost),
      values(google_monitoring_alert_policy.log), google_monitoring_alert_policy.instance_limit, google_monitoring_alert_policy.store_full,
    )) == 0
    error_message = "No alert is left."
  }
  assert {
    condition     = length(google_monitoring_dashboard.dashboard) == 1
    error_message = "The dashboard stays."
  }
}

run "with_one_instance_its_limit_raises_no_alert" {
  command = plan
  variables {
    max_instances = 1
  }

  assert {
    condition     = length(google_monitoring_alert_policy.instance_limit) == 0 && contains(keys(google_monitoring_alert_policy.log), "no_instance")
    error_message = "A single busy instance is normal; pushes without an instance are not."
  }
}

run "the_dashboard_shows_subscriptions_service_store_and_log" {
  command = plan

  assert {
    condition     = length(local.tiles) == 18
    error_message = "The dashboard has a list, fourteen charts and three logs for any number of subscriptions."
  }
  assert {
    condition     = strcontains(local.tiles[0].widget.text.content, "| loud | orders | Reserves stock. | stock@example.com | 30 s | 7 | 5 | 2 s | 900 s |")
    error_message = "The list shows the expected values: ${local.tiles[0].widget.text.content}"
  }
  assert {
    condition = alltrue([
      for tile in slice(jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles, 1, 7) : alltrue([
        for id in ["loud", "estimated", "quiet"] : strcontains(tile.widget.xyChart.dataSets[0].timeSeriesQuery.timeSeriesFilter.filter, "subscription_id = \"${id}\"")
      ])
    ])
    error_message = "Six charts show every subscription."
  }
  assert {
    condition = alltrue([
      for tile in slice(jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles, 7, 9) :
      strcontains(tile.widget.xyChart.dataSets[0].timeSeriesQuery.timeSeriesFilter.filter, "subscription_id = \"loud-dead\"")
    ])
    error_message = "Two charts show the dead letters."
  }
  assert {
    condition = alltrue([
      for tile in slice(jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles, 9, 13) :
      strcontains(tile.widget.xyChart.dataSets[0].timeSeriesQuery.timeSeriesFilter.filter, "resource.labels.service_name = \"pushgate\"") && strcontains(tile.widget.xyChart.dataSets[0].timeSeriesQuery.timeSeriesFilter.filter, "run.googleapis.com/")
    ])
    error_message = "Four charts show the service."
  }
  assert {
    condition = alltrue([
      for tile in slice(jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles, 13, 15) :
      toset([for data in tile.widget.xyChart.dataSets : split(" AND ", data.timeSeriesQuery.timeSeriesFilter.filter)[0]]) == toset(["resource.type = \"firestore.googleapis.com/Database\"", "resource.type = \"firestore_instance\""])
    ])
    error_message = "Two charts show the store, by either resource that Firestore's metrics may have."
  }
  assert {
    condition = [for tile in slice(jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles, 15, 18) : tile.widget.logsPanel.resourceNames] == [
      ["projects/my-project"], ["projects/my-project"], ["projects/my-project"],
    ]
    error_message = "Three tiles show lines of the log."
  }
  assert {
    condition = length(distinct([
      for tile in jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles : "${tile.xPos} ${tile.yPos}"
      ])) == 18 && alltrue([
      for tile in jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles : tile.xPos + tile.width <= 48
    ])
    error_message = "No two tiles have the same position, and none exceeds the width."
  }
}

run "without_subscriptions_the_service_is_still_watched" {
  command = plan
  variables {
    topics        = {}
    subscriptions = {}
  }

  assert {
    condition     = length(google_monitoring_dashboard.dashboard) == 0 && length(google_monitoring_alert_policy.failing) == 0 && length(google_monitoring_alert_policy.log) == 5
    error_message = "Without subscriptions there are neither their alerts nor a dashboard."
  }
}
