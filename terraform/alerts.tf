# Alerts on subscriptions: at most three policies for each, so that a text can name it. `var.alerts` has one switch for all alerts.

locals {
  # The filters for Cloud Monitoring. Eventarc generates the id of its own subscription, with this prefix.
  watched = merge(
    { for id, subscription in var.subscriptions : id => merge(subscription, { match = "resource.labels.subscription_id = \"${id}\"" }) },
    { for id, trigger in var.eventarc_triggers : id => merge(trigger, { match = "resource.labels.subscription_id = starts_with(\"eventarc-${var.region}-${id}-sub-\")" }) },
  )
  alerted = { for id, declared in local.watched : id => declared if var.alerts.enabled }

  # The limits of this environment, or the declared ones. null: no alert.
  limits = {
    for id, declared in local.watched : id => {
      oldest_unacked_age_seconds = try(coalesce(try(var.alerts.subscriptions[id].oldest_unacked_age_seconds, null), var.alerts.oldest_unacked_age_seconds, declared.alerts.oldest_unacked_age_seconds), null)
      failed_push_share          = try(coalesce(try(var.alerts.subscriptions[id].failed_push_share, null), var.alerts.failed_push_share, declared.alerts.failed_push_share), null)
      # The declared latency, and at most four fifths of the ack deadline: at the deadline Pub/Sub closes the request and redelivers.
      latency_seconds = min(declared.ack_deadline_seconds * 0.8, try(coalesce(try(var.alerts.subscriptions[id].latency_seconds, null), var.alerts.latency_seconds, try(declared.expected.latency_seconds, null)), 600))
    }
  }

  # The number of messages, or the number that is published within the permitted age.
  backlog_limits = {
    for id, declared in local.watched : id => try(
      coalesce(try(var.alerts.subscriptions[id].undelivered_messages, null), var.alerts.undelivered_messages, declared.alerts.undelivered_messages),
      ceil(declared.expected.messages_per_second * local.limits[id].oldest_unacked_age_seconds),
      null,
    )
  }

  # The retention of each subscription, after which Pub/Sub deletes a message. Eventarc's is not known here.
  retention_seconds = { for id, subscription in var.subscriptions : id => tonumber(trimsuffix(subscription.message_retention_duration, "s")) }

  # The last paragraph of each alert.
  about = {
    for id, declared in local.watched : id => join("\n", [
      "- Subscription: `${id}`, of topic `${declared.topic}`",
      "- Purpose: ${declared.purpose}",
      "- Owner: ${coalesce(declared.owner, "not declared; ask the team that deploys ${var.name}")}",
      "- Dead letters: `${declared.dead_letter_topic}`",
    ])
  }
}

resource "google_monitoring_alert_policy" "waiting" {
  for_each = { for id, declared in local.alerted : id => declared if local.limits[id].oldest_unacked_age_seconds != null || local.backlog_limits[id] != null }

  project               = var.project
  display_name          = "${var.name}: messages of ${each.key} wait"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = var.notification_channels

  dynamic "conditions" {
    for_each = local.limits[each.key].oldest_unacked_age_seconds[*]
    content {
      display_name = "The oldest message waits for more than ${conditions.value} s"
      condition_threshold {
        filter          = "resource.type = \"pubsub_subscription\" AND ${each.value.match} AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
        comparison      = "COMPARISON_GT"
        threshold_value = conditions.value
        duration        = "60s"
        aggregations {
          alignment_period   = "60s"
          per_series_aligner = "ALIGN_MAX"
        }
      }
    }
  }

  dynamic "conditions" {
    for_each = local.backlog_limits[each.key][*]
    content {
      display_name = "More than ${conditions.value} messages wait"
      condition_threshold {
        filter          = "resource.type = \"pubsub_subscription\" AND ${each.value.match} AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
        comparison      = "COMPARISON_GT"
        threshold_value = conditions.value
        duration        = "300s"
        aggregations {
          alignment_period   = "60s"
          per_series_aligner = "ALIGN_MAX"
        }
      }
    }
  }

  alert_strategy {
    auto_close = "${var.alerts.auto_close_seconds}s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **Meaning**: messages of `${each.key}` are not handled in time. With ordering, everything of the oldest message's key waits behind it. At the end of the retention they are lost.

      **First look**: `gcloud logging read 'resource.type="cloud_run_revision" AND labels.subscription="${each.key}"' --project=${var.project} --freshness=10m --limit=20 --format='value(jsonPayload.outcome, jsonPayload.status, jsonPayload.reason)'`. No lines at all: the pushes do not arrive.

      **Repair**: if pushes fail, restore what the reason names; Pub/Sub pushes again by itself. If they succeed, raise `max_instances` or `concurrency` and run `terraform apply`.

      **Runbook**: ${var.alerts.runbooks}/backlog.md

      ${local.about[each.key]}
    TEXT
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "failing" {
  for_each = local.alerted

  project               = var.project
  display_name          = "${var.name}: pushes of ${each.key} fail or are slow"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = var.notification_channels

  dynamic "conditions" {
    for_each = local.limits[each.key].failed_push_share[*]
    content {
      display_name = "More than ${conditions.value * 100} % of the pushes fail, for ten minutes"
      condition_threshold {
        filter             = "resource.type = \"pubsub_subscription\" AND ${each.value.match} AND metric.type = \"pubsub.googleapis.com/subscription/push_request_count\" AND metric.labels.response_class != \"ack\""
        denominator_filter = "resource.type = \"pubsub_subscription\" AND ${each.value.match} AND metric.type = \"pubsub.googleapis.com/subscription/push_request_count\""
        comparison         = "COMPARISON_GT"
        threshold_value    = conditions.value
        duration           = "600s"
        aggregations {
          alignment_period     = "300s"
          per_series_aligner   = "ALIGN_DELTA"
          cross_series_reducer = "REDUCE_SUM"
        }
        denominator_aggregations {
          alignment_period     = "300s"
          per_series_aligner   = "ALIGN_DELTA"
          cross_series_reducer = "REDUCE_SUM"
        }
      }
    }
  }

  conditions {
    display_name = "One push in twenty takes more than ${local.limits[each.key].latency_seconds} s"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND ${each.value.match} AND metric.type = \"pubsub.googleapis.com/subscription/push_request_latencies\""
      comparison      = "COMPARISON_GT"
      threshold_value = local.limits[each.key].latency_seconds * 1000000 # Microseconds.
      duration        = "900s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_PERCENTILE_95"
      }
    }
  }

  alert_strategy {
    auto_close = "${var.alerts.auto_close_seconds}s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **Meaning**: pushes of `${each.key}` are not acknowledged, or take longer than declared. Each failure uses up one of ${each.value.max_delivery_attempts} attempts, after which the message is a dead letter; and Pub/Sub slows down the whole subscription. What is not answered within ${each.value.ack_deadline_seconds} s counts as failed.

      **First look**: the status codes on the dashboard, then `gcloud logging read 'resource.type="cloud_run_revision" AND labels.subscription="${each.key}" AND severity>=WARNING' --project=${var.project} --freshness=10m --limit=20 --format='value(jsonPayload.status, jsonPayload.outcome, jsonPayload.duration_ms, jsonPayload.reason)'`.

      **Repair**: 401, 403, 404: both sides differ, `terraform apply`. 429: raise `max_instances` or `concurrency`. 500, 503: go back to the last version, `gcloud run services update-traffic ${var.name} --region=${var.region} --project=${var.project} --to-revisions=REVISION=100`, or restore what the handler depends on. Slow: raise `min_instances` or `cpu`, or declare the latency that is to be expected.

      **Runbook**: ${var.alerts.runbooks}/failing-handler.md if they fail, ${var.alerts.runbooks}/slow-handler.md if they are slow

      ${local.about[each.key]}
    TEXT
  }

  depends_on = [google_project_service.api]
}

# Messages that are not handled any more, or soon deleted. Dead letters without pushgate's reason come from an outage.
resource "google_monitoring_alert_policy" "lost" {
  for_each = local.alerted

  project               = var.project
  display_name          = "${var.name}: messages of ${each.key} are given up"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  # Eventarc's own subscriptions have no dead-letter topic, and a retention that is not known here.
  dynamic "conditions" {
    for_each = contains(keys(var.subscriptions), each.key) ? [true] : []
    content {
      display_name = "A message has used up its ${each.value.max_delivery_attempts} attempts"
      condition_threshold {
        filter          = "resource.type = \"pubsub_subscription\" AND ${each.value.match} AND metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\""
        comparison      = "COMPARISON_GT"
        threshold_value = 0
        duration        = "0s"
        aggregations {
          alignment_period     = "300s"
          per_series_aligner   = "ALIGN_DELTA"
          cross_series_reducer = "REDUCE_SUM"
        }
      }
    }
  }

  dynamic "conditions" {
    for_each = try([local.retention_seconds[each.key]], [])
    content {
      display_name = "The oldest message has used up ${var.alerts.retention_share * 100} % of its ${conditions.value} s"
      condition_threshold {
        filter          = "resource.type = \"pubsub_subscription\" AND ${each.value.match} AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
        comparison      = "COMPARISON_GT"
        threshold_value = floor(conditions.value * var.alerts.retention_share)
        duration        = "60s"
        aggregations {
          alignment_period   = "60s"
          per_series_aligner = "ALIGN_MAX"
        }
      }
    }
  }

  conditions {
    display_name = "The oldest dead letter has used up ${var.alerts.retention_share * 100} % of its 31 days"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${each.value.dead_letter_topic}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = floor(local.dead_letter_retention_seconds * var.alerts.retention_share)
      duration        = "60s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  alert_strategy {
    auto_close = "${var.alerts.auto_close_seconds}s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **Meaning**: the condition says which. Either Pub/Sub has given up a message of `${each.key}` after ${each.value.max_delivery_attempts} attempts: its dead letter has no reason of pushgate's, so an outage is likely, and more will follow. Or the oldest message, or dead letter, will soon be deleted silently.

      **First look**: `pushgate dead-letters list`, then the status of the subscription's pushes: `gcloud logging read 'resource.type="cloud_run_revision" AND labels.subscription="${each.key}" AND severity>=WARNING' --project=${var.project} --freshness=1h --limit=20 --format='value(jsonPayload.status, jsonPayload.reason)'`.

      **Repair**: during an outage `pushgate pause ${each.key}`; it uses up no attempts. After it `pushgate resume ${each.key}`, and `pushgate dead-letters replay`. To gain time before a retention ends: `gcloud pubsub snapshots create keep-${each.key} --subscription=${each.key} --project=${var.project}` keeps the messages for up to seven days less their age.

      **Runbook**: ${var.alerts.runbooks}/attempts-used-up.md if attempts are used up, ${var.alerts.runbooks}/retention.md if a retention ends

      ${local.about[each.key]}
    TEXT
  }

  depends_on = [google_project_service.api]
}
