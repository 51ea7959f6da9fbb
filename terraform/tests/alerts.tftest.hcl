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

run "each_alert_has_the_declared_limit_for_its_subscription" {
  command = plan

  assert {
    condition     = toset(keys(google_monitoring_alert_policy.oldest_unacked)) == toset(["loud", "estimated"]) && google_monitoring_alert_policy.oldest_unacked["loud"].conditions[0].condition_threshold[0].threshold_value == 900
    error_message = "An alert on the oldest message exists where an age is declared."
  }
  assert {
    condition     = google_monitoring_alert_policy.oldest_unacked["loud"].conditions[0].condition_threshold[0].filter == "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"loud\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
    error_message = "The condition selects that subscription and that metric."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.backlog)) == toset(["loud", "estimated", "slow"]) && google_monitoring_alert_policy.backlog["loud"].conditions[0].condition_threshold[0].threshold_value == 4000
    error_message = "The limit of the backlog is the declared number."
  }
  assert {
    condition     = google_monitoring_alert_policy.backlog["estimated"].conditions[0].condition_threshold[0].threshold_value == 901
    error_message = "Without a declared number the limit is the number of messages that arrive while the oldest may wait, rounded up."
  }
  assert {
    condition     = keys(google_monitoring_alert_policy.failed_pushes) == ["loud"] && google_monitoring_alert_policy.failed_pushes["loud"].conditions[0].condition_threshold[0].threshold_value == 0.25
    error_message = "An alert on failed pushes exists where a share is declared."
  }
  assert {
    condition     = "${google_monitoring_alert_policy.failed_pushes["loud"].conditions[0].condition_threshold[0].denominator_filter} AND metric.labels.response_class != \"ack\"" == google_monitoring_alert_policy.failed_pushes["loud"].conditions[0].condition_threshold[0].filter
    error_message = "The share is that of the pushes that are not acked."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.latency)) == toset(["loud", "estimated", "quiet", "slow"]) && google_monitoring_alert_policy.latency["loud"].conditions[0].condition_threshold[0].threshold_value == 2000000 && google_monitoring_alert_policy.latency["quiet"].conditions[0].condition_threshold[0].threshold_value == 48000000 && google_monitoring_alert_policy.latency["slow"].conditions[0].condition_threshold[0].threshold_value == 48000000
    error_message = "The latency limit is the expected latency in microseconds, and at most four fifths of the ack deadline."
  }
  assert {
    condition     = google_monitoring_alert_policy.latency["loud"].conditions[0].condition_threshold[0].aggregations[0].cross_series_reducer == "REDUCE_PERCENTILE_95"
    error_message = "The latency is that of the 95th percentile."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.dead_lettered)) == toset(["loud", "estimated", "quiet", "slow"]) && alltrue([for policy in values(google_monitoring_alert_policy.dead_lettered) : policy.conditions[0].condition_threshold[0].threshold_value == 0])
    error_message = "Every subscription has an alert on its first dead letter."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.dead_letters)) == toset(["loud-dead", "estimated-dead"]) && alltrue([for policy in values(google_monitoring_alert_policy.dead_letters) : policy.conditions[0].condition_threshold[0].threshold_value == 0])
    error_message = "An alert fires on each waiting dead letter, from Pub/Sub or from the service."
  }
  assert {
    condition     = { for id, policy in google_monitoring_alert_policy.retention : id => policy.conditions[0].condition_threshold[0].threshold_value } == { loud = 69120, estimated = 483840, quiet = 483840, slow = 483840, loud-dead = 2142720, estimated-dead = 2142720 }
    error_message = "An alert fires at four fifths of the retention, also for dead letters."
  }
  assert {
    condition     = length(google_monitoring_alert_policy.store_full) == 0
    error_message = "Firestore has no alert on its capacity."
  }
  assert {
    condition = alltrue([
      for policy in concat(
        values(google_monitoring_alert_policy.oldest_unacked), values(google_monitoring_alert_policy.backlog), values(google_monitoring_alert_policy.failed_pushes),
        values(google_monitoring_alert_policy.latency), values(google_monitoring_alert_policy.retention), values(google_monitoring_alert_policy.dead_lettered), values(google_monitoring_alert_policy.dead_letters),
      ) :
      policy.notification_channels == tolist(["projects/my-project/notificationChannels/1"]) && alltrue([
        for paragraph in ["**What happened**", "**Why it hurts**", "**What to do**"] : strcontains(policy.documentation[0].content, paragraph)
      ]) && !strcontains(policy.documentation[0].content, "\n ")
    ])
    error_message = "Every alert has a channel and describes the event, the damage and the action, in lines without indentation."
  }
  assert {
    condition = alltrue([
      for policy in [
        google_monitoring_alert_policy.oldest_unacked["loud"], google_monitoring_alert_policy.backlog["loud"], google_monitoring_alert_policy.failed_pushes["loud"],
        google_monitoring_alert_policy.latency["loud"], google_monitoring_alert_policy.retention["loud"], google_monitoring_alert_policy.dead_lettered["loud"],
      ] : strcontains(policy.documentation[0].content, "`loud`") && strcontains(policy.documentation[0].content, "stock@example.com") && strcontains(policy.documentation[0].content, "Reserves stock.")
    ])
    error_message = "Every alert names subscription, owner and purpose."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.dead_letters["loud-dead"].documentation[0].content, "`loud` (stock@example.com), `quiet`, `slow`")
    error_message = "The alert on dead letters names all subscriptions that share the topic: ${google_monitoring_alert_policy.dead_letters["loud-dead"].documentation[0].content}"
  }
  assert {
    condition     = !can(regex("https?://", join("", [for policy in values(google_monitoring_alert_policy.oldest_unacked) : policy.documentation[0].content])))
    error_message = "No alert contains a link, which could become outdated."
  }

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles) == 9
    error_message = "The dashboard has a list and eight charts for any number of subscriptions."
  }
  assert {
    condition     = strcontains(jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles[0].widget.text.content, "| loud | orders | Reserves stock. | stock@example.com | 30 s | 7 | 5 | 2 s | 900 s |")
    error_message = "The list shows the expected values: ${jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles[0].widget.text.content}"
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
    condition = length(distinct([
      for tile in jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles : "${tile.xPos} ${tile.yPos}"
      ])) == 9 && alltrue([
      for tile in jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles : tile.xPos + tile.width <= 48
    ])
    error_message = "No two tiles have the same position, and none exceeds the width."
  }
}

run "nothing_declared_means_no_dashboard_and_no_alerts" {
  command = plan
  variables {
    topics        = {}
    subscriptions = {}
  }

  assert {
    condition     = length(google_monitoring_dashboard.dashboard) == 0 && length(google_monitoring_alert_policy.retention) == 0 && length(google_monitoring_alert_policy.latency) == 0
    error_message = "Without subscriptions there are neither alerts nor a dashboard."
  }
}
