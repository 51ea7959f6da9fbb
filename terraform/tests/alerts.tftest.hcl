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
    error_message = "The oldest message: where an age is declared."
  }
  assert {
    condition     = google_monitoring_alert_policy.oldest_unacked["loud"].conditions[0].condition_threshold[0].filter == "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"loud\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
    error_message = "Of that subscription, in that metric."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.backlog)) == toset(["loud", "estimated", "slow"]) && google_monitoring_alert_policy.backlog["loud"].conditions[0].condition_threshold[0].threshold_value == 4000
    error_message = "The backlog: the declared number."
  }
  assert {
    condition     = google_monitoring_alert_policy.backlog["estimated"].conditions[0].condition_threshold[0].threshold_value == 901
    error_message = "Or as many as come while the oldest may wait, rounded up."
  }
  assert {
    condition     = keys(google_monitoring_alert_policy.failed_pushes) == ["loud"] && google_monitoring_alert_policy.failed_pushes["loud"].conditions[0].condition_threshold[0].threshold_value == 0.25
    error_message = "Failed pushes: where a share is declared."
  }
  assert {
    condition     = "${google_monitoring_alert_policy.failed_pushes["loud"].conditions[0].condition_threshold[0].denominator_filter} AND metric.labels.response_class != \"ack\"" == google_monitoring_alert_policy.failed_pushes["loud"].conditions[0].condition_threshold[0].filter
    error_message = "It is a share: all that is not acked, of all."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.latency)) == toset(["loud", "estimated", "quiet", "slow"]) && google_monitoring_alert_policy.latency["loud"].conditions[0].condition_threshold[0].threshold_value == 2000000 && google_monitoring_alert_policy.latency["quiet"].conditions[0].condition_threshold[0].threshold_value == 48000000 && google_monitoring_alert_policy.latency["slow"].conditions[0].condition_threshold[0].threshold_value == 48000000
    error_message = "Latency in microseconds: the expected one, and at most four fifths of the ack deadline."
  }
  assert {
    condition     = google_monitoring_alert_policy.latency["loud"].conditions[0].condition_threshold[0].aggregations[0].cross_series_reducer == "REDUCE_PERCENTILE_95"
    error_message = "Of the 95th percentile."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.dead_lettered)) == toset(["loud", "estimated", "quiet", "slow"]) && alltrue([for policy in values(google_monitoring_alert_policy.dead_lettered) : policy.conditions[0].condition_threshold[0].threshold_value == 0])
    error_message = "Any dead letter alerts, always."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.dead_letters)) == toset(["loud-dead", "estimated-dead"]) && alltrue([for policy in values(google_monitoring_alert_policy.dead_letters) : policy.conditions[0].condition_threshold[0].threshold_value == 0])
    error_message = "So does each that lies there, whoever put it there."
  }
  assert {
    condition     = { for id, policy in google_monitoring_alert_policy.retention : id => policy.conditions[0].condition_threshold[0].threshold_value } == { loud = 69120, estimated = 483840, quiet = 483840, slow = 483840, loud-dead = 2142720, estimated-dead = 2142720 }
    error_message = "Four fifths of the retention, of dead letters, too."
  }
  assert {
    condition     = length(google_monitoring_alert_policy.store_full) == 0
    error_message = "Firestore does not get full."
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
    error_message = "Every alert tells somebody what happened, why it hurts and what to do, in lines that begin where they should."
  }
  assert {
    condition = alltrue([
      for policy in [
        google_monitoring_alert_policy.oldest_unacked["loud"], google_monitoring_alert_policy.backlog["loud"], google_monitoring_alert_policy.failed_pushes["loud"],
        google_monitoring_alert_policy.latency["loud"], google_monitoring_alert_policy.retention["loud"], google_monitoring_alert_policy.dead_lettered["loud"],
      ] : strcontains(policy.documentation[0].content, "`loud`") && strcontains(policy.documentation[0].content, "stock@example.com") && strcontains(policy.documentation[0].content, "Reserves stock.")
    ])
    error_message = "It names subscription, owner and purpose."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.dead_letters["loud-dead"].documentation[0].content, "`loud` (stock@example.com), `quiet`, `slow`")
    error_message = "Dead letters name all who share the topic: ${google_monitoring_alert_policy.dead_letters["loud-dead"].documentation[0].content}"
  }
  assert {
    condition     = !can(regex("https?://", join("", [for policy in values(google_monitoring_alert_policy.oldest_unacked) : policy.documentation[0].content])))
    error_message = "No links: they would rot."
  }

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles) == 9
    error_message = "A list and eight charts, however many subscriptions there are."
  }
  assert {
    condition     = strcontains(jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles[0].widget.text.content, "| loud | orders | Reserves stock. | stock@example.com | 30 s | 7 | 5 | 2 s | 900 s |")
    error_message = "The list says what is normal: ${jsondecode(google_monitoring_dashboard.dashboard[0].dashboard_json).mosaicLayout.tiles[0].widget.text.content}"
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
    error_message = "No two tiles are at the same place, and none sticks out."
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
    error_message = "An empty service is possible: it is what the first apply makes."
  }
}
