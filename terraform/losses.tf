# Alerts for messages that nobody handles any more, or is about to be able to.

# The budget of time: nothing may get so old that Pub/Sub throws it away. Eventarc's retention is not ours to know.
resource "google_monitoring_alert_policy" "retention" {
  for_each = merge(
    { for id, subscription in var.subscriptions : id => tonumber(trimsuffix(subscription.message_retention_duration, "s")) },
    { for topic in local.dead_letter_topics : topic => local.dead_letter_retention_seconds },
  )

  project               = var.project
  display_name          = "${var.name}: messages of ${each.key} are about to be lost"
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

      **Why it hurts**: at the end of that time Pub/Sub deletes it, without a trace.

      **What to do**: win time first: `gcloud pubsub snapshots create keep-${each.key} --subscription=${each.key} --project=${var.project}` keeps what is there for up to seven days less its age, if an hour of them is left; and a longer retention (at most 31 days) may be declared. Then handle the messages, or pull and store them elsewhere.

      ${contains(keys(local.about), each.key) ? local.about[each.key] : "- Dead letters of: ${lookup(local.dead_letter_sources, each.key, "")}"}
    TEXT
  }
}

# What Pub/Sub gave up.
resource "google_monitoring_alert_policy" "dead_lettered" {
  for_each = var.subscriptions

  project               = var.project
  display_name          = "${var.name}: ${each.key} gave up messages"
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
      **What happened**: a message of `${each.key}` failed ${each.value.max_delivery_attempts} times, and Pub/Sub has put it into `${each.value.dead_letter_topic}`.

      **Why it hurts**: nobody handles it any more; its effect is missing.

      **What to do**: look for its message id in the log, and mend the cause. Then pull it from the subscription `${each.value.dead_letter_topic}` and publish it to `${each.value.topic}` again, with its attributes.

      ${local.about[each.key]}
    TEXT
  }
}

# What Pub/Sub or the service gave up, for as long as it lies there.
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
      **What happened**: there are messages in the subscription `${each.key}`, for which somebody must decide.

      **Why it hurts**: their effects are missing, and after 31 days they are gone.

      **What to do**: `gcloud pubsub subscriptions pull ${each.key} --limit=10 --project=${var.project}` shows them. The attribute `pushgate-dead-letter-reason` says why the service gave one up; without it Pub/Sub did, after too many attempts. Mend the cause, publish what shall be handled again, with its attributes, and ack what is settled.

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

      **Why it hurts**: a full Redis refuses new claims, as it should rather than forget: then every push is answered 503, and nothing is handled.

      **What to do**: raise memorystore.memory_size_gb; a message takes some 272 bytes for its window. Or declare shorter windows, though not shorter than the retention.
    TEXT
  }
}
