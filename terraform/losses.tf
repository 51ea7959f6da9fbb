# Alerts for messages that are lost soon, or that are not handled any more.

# The retention of each subscription, after which Pub/Sub deletes a message. Eventarc's is not known here.
resource "google_monitoring_alert_policy" "retention" {
  for_each = merge(
    { for id, subscription in var.subscriptions : id => tonumber(trimsuffix(subscription.message_retention_duration, "s")) },
    { for topic in local.dead_letter_topics : topic => local.dead_letter_retention_seconds },
  )

  project               = var.project
  display_name          = "${var.name}: messages of ${each.key} will be lost soon"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  conditions {
    display_name = "The oldest message has used up ${local.retention_share * 100} % of its ${each.value} s"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${each.key}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      comparison      = "COMPARISON_GT"
      threshold_value = floor(each.value * local.retention_share)
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
      **What happened**: the oldest message in `${each.key}` is older than ${local.retention_share * 100} % of the ${each.value} s for which Pub/Sub keeps it.

      **Why it hurts**: at the end of that time Pub/Sub deletes it silently.

      **What to do**: gain time first. `gcloud pubsub snapshots create keep-${each.key} --subscription=${each.key} --project=${var.project}` keeps the messages for up to seven days less their age, if at least an hour of that remains. A longer retention (at most 31 days) may be declared. Then handle the messages, or pull and store them elsewhere.

      ${contains(keys(local.about), each.key) ? local.about[each.key] : "- Dead letters of: ${lookup(local.dead_letter_sources, each.key, "")}"}
    TEXT
  }
}

# Messages that Pub/Sub dead-lettered.
resource "google_monitoring_alert_policy" "dead_lettered" {
  for_each = var.subscriptions

  project               = var.project
  display_name          = "${var.name}: ${each.key} dead-letters messages"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = var.notification_channels

  conditions {
    display_name = "A message has used up its ${each.value.max_delivery_attempts} attempts"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND ${local.watched[each.key].match} AND metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\""
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

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **What happened**: a message of `${each.key}` failed ${each.value.max_delivery_attempts} times, and Pub/Sub has published it to `${each.value.dead_letter_topic}`.

      **Why it hurts**: it is not handled any more, and its effect is missing.

      **What to do**: search the log for its message id, and fix the cause. Then pull it from the subscription `${each.value.dead_letter_topic}` and publish it to `${each.value.topic}` again, with its attributes.

      ${local.about[each.key]}
    TEXT
  }
}

# Dead letters of Pub/Sub or of the service, as long as they are not acknowledged.
resource "google_monitoring_alert_policy" "dead_letters" {
  for_each = local.dead_letter_topics

  project               = var.project
  display_name          = "${var.name}: dead letters in ${each.key}"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.notification_channels

  conditions {
    display_name = "There are dead letters"
    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${each.key}\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **What happened**: there are messages in the subscription `${each.key}`, and a person must decide about them.

      **Why it hurts**: their effects are missing, and Pub/Sub deletes them after 31 days.

      **What to do**: `gcloud pubsub subscriptions pull ${each.key} --limit=10 --project=${var.project}` shows them. The attribute `pushgate-dead-letter-reason` has the reason of the service. Without it, Pub/Sub dead-lettered the message after too many delivery attempts. Fix the cause, publish the messages to handle again with their attributes, and acknowledge the others.

      - Dead letters of: ${local.dead_letter_sources[each.key]}
    TEXT
  }
}

resource "google_monitoring_alert_policy" "store_full" {
  count = var.store == "memorystore" ? 1 : 0

  project               = var.project
  display_name          = "${var.name}: the store is nearly full"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  conditions {
    display_name = "Redis uses more than 80 % of its memory"
    condition_threshold {
      filter          = "resource.type = \"redis_instance\" AND resource.labels.instance_id = \"${google_redis_instance.store[0].id}\" AND metric.type = \"redis.googleapis.com/stats/memory/usage_ratio\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0.8
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
      **What happened**: the Redis of `${var.name}` uses more than 80 % of its ${var.memorystore.memory_size_gb} GB.

      **Why it hurts**: a full Redis rejects new claims, which is better than to evict records. Then every push is answered 503, and no message is handled.

      **What to do**: increase memorystore.memory_size_gb: a message needs some 272 bytes for its window. Or declare shorter windows, but not shorter than the retention.
    TEXT
  }
}
