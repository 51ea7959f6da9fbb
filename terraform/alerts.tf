# Alerts from the declarations of each subscriber: one policy for each subscription and kind, so that its text can name both.

locals {
  # The filters for Cloud Monitoring. Eventarc generates the id of its own subscription, with this prefix.
  watched = merge(
    { for id, subscription in var.subscriptions : id => merge(subscription, { match = "resource.labels.subscription_id = \"${id}\"" }) },
    { for id, trigger in var.eventarc_triggers : id => merge(trigger, { match = "resource.labels.subscription_id = starts_with(\"eventarc-${var.region}-${id}-sub-\")" }) },
  )

  # The share of the retention after which a message raises an alert. At the end of the retention it is lost.
  retention_share = 0.8

  # The declared number of messages, or the number that is published within the permitted age.
  backlog_limits = {
    for id, declared in local.watched : id => declared.alerts.undelivered_messages != null ? declared.alerts.undelivered_messages : ceil(
      declared.expected.messages_per_second * declared.alerts.oldest_unacked_age_seconds
    )
    if declared.alerts.undelivered_messages != null || try(declared.expected.messages_per_second * declared.alerts.oldest_unacked_age_seconds, null) != null
  }

  # The declared latency, and at most four fifths of the ack deadline: at the deadline Pub/Sub closes the request and redelivers.
  latency_limits_seconds = {
    for id, declared in local.watched : id => min(declared.ack_deadline_seconds * 0.8, try(declared.expected.latency_seconds + 0, 600))
  }

  # The last paragraph of each alert.
  about = {
    for id, declared in local.watched : id => join("\n", [
      "- Subscription: `${id}`, of topic `${declared.topic}`",
      "- Purpose: ${declared.purpose}",
      "- Owner: ${coalesce(declared.owner, "not declared; ask the team that deploys ${var.name}")}",
      "- Dead letters: `${declared.dead_letter_topic}`",
    ])
  }

  # The subscriptions of each dead-letter topic, with their owners.
  dead_letter_sources = {
    for topic in local.dead_letter_topics : topic => join(", ", [
      for id, declared in local.watched : "`${id}`${declared.owner == null ? "" : " (${declared.owner})"}" if declared.dead_letter_topic == topic
    ])
  }
}

resource "google_monitoring_alert_policy" "oldest_unacked" {
  for_each = { for id, declared in local.watched : id => declared if declared.alerts.oldest_unacked_age_seconds != null }

  project               = var.project
  display_name          = "${var.name}: ${each.key} is stuck"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = var.notification_channels

  conditions {
    display_name = "The oldest message waits for more than ${each.value.alerts.oldest_unacked_age_seconds} s"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND ${each.value.match} AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.alerts.oldest_unacked_age_seconds
      duration        = "60s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **What happened**: a message of `${each.key}` has not been handled for more than ${each.value.alerts.oldest_unacked_age_seconds} s.

      **Why it hurts**: it is late. With ordering, everything of its key waits behind it. At the end of the retention it is lost.

      **What to do**: look in the service's log for `subscription="${each.key}"` and its `outcome` and `reason`. Failing handlers: restore what they depend on, Pub/Sub pushes again by itself. Refusals (401, 403): audience or push account differ on the two sides. No lines at all: the pushes do not arrive, look at the service's ingress and IAM. Everything succeeds but slowly: raise max_instances or concurrency.

      ${local.about[each.key]}
    TEXT
  }
}

resource "google_monitoring_alert_policy" "backlog" {
  for_each = local.backlog_limits

  project               = var.project
  display_name          = "${var.name}: ${each.key} has a backlog"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.notification_channels

  conditions {
    display_name = "More than ${each.value} messages wait"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND ${local.watched[each.key].match} AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      comparison      = "COMPARISON_GT"
      threshold_value = each.value
      duration        = "300s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **What happened**: more than ${each.value} messages of `${each.key}` wait.

      **Why it hurts**: more messages arrive than are handled, so each new one waits longer than the one before.

      **What to do**: if pushes fail, fix that first: failures also make Pub/Sub push more slowly. If they succeed, raise max_instances or concurrency, and look whether what the handler depends on can handle more. A burst that was planned passes by itself.

      ${local.about[each.key]}
    TEXT
  }
}

resource "google_monitoring_alert_policy" "failed_pushes" {
  for_each = { for id, declared in local.watched : id => declared if declared.alerts.failed_push_share != null }

  project               = var.project
  display_name          = "${var.name}: pushes of ${each.key} fail"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = var.notification_channels

  conditions {
    display_name = "More than ${each.value.alerts.failed_push_share * 100} % of the pushes fail, for ten minutes"
    condition_threshold {
      filter             = "resource.type = \"pubsub_subscription\" AND ${each.value.match} AND metric.type = \"pubsub.googleapis.com/subscription/push_request_count\" AND metric.labels.response_class != \"ack\""
      denominator_filter = "resource.type = \"pubsub_subscription\" AND ${each.value.match} AND metric.type = \"pubsub.googleapis.com/subscription/push_request_count\""
      comparison         = "COMPARISON_GT"
      threshold_value    = each.value.alerts.failed_push_share
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

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **What happened**: of the pushes of `${each.key}`, more than ${each.value.alerts.failed_push_share * 100} % were not acked.

      **Why it hurts**: each failure uses up one of ${each.value.max_delivery_attempts} attempts, after which the message is a dead letter; and Pub/Sub slows down the whole subscription, the valid messages too.

      **What to do**: look at the response codes on the dashboard. 401 and 403: audience or push account differ on the two sides, and valid messages are on their way to the dead letters. 404: the service has no such subscriber; deploy it, or remove the subscription. 429: no room; raise concurrency or max_instances. 500: a handler panics. 503: a handler fails, or the store does not answer; the log says which. Nothing answers: the service does not start.

      ${local.about[each.key]}
    TEXT
  }
}

resource "google_monitoring_alert_policy" "latency" {
  for_each = local.latency_limits_seconds

  project               = var.project
  display_name          = "${var.name}: ${each.key} is slow"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.notification_channels

  conditions {
    display_name = "One push in twenty takes more than ${each.value} s"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND ${local.watched[each.key].match} AND metric.type = \"pubsub.googleapis.com/subscription/push_request_latencies\""
      comparison      = "COMPARISON_GT"
      threshold_value = each.value * 1000000 # Microseconds.
      duration        = "900s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_PERCENTILE_95"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **What happened**: for a quarter of an hour, one push of `${each.key}` in twenty took more than ${each.value} s. The ack deadline is ${local.watched[each.key].ack_deadline_seconds} s.

      **Why it hurts**: what is not answered by the deadline counts as failed and is pushed again. Above 1 s on average Pub/Sub also pushes less at once.

      **What to do**: find what the handler waits for. Starts of instances: raise min_instances. Too little CPU: raise cpu, or lower concurrency. If this is as fast as it gets, declare the latency that is to be expected, and a longer ack deadline.

      ${local.about[each.key]}
    TEXT
  }
}
