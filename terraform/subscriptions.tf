# One push subscription for each subscriber. A change of topic, filter or ordering replaces it. A replaced or deleted subscription
# loses all its messages: README.md, "The guard".
resource "google_pubsub_subscription" "subscription" {
  for_each = var.subscriptions

  project                    = var.project
  name                       = each.key
  topic                      = google_pubsub_topic.topic[each.value.topic].id
  ack_deadline_seconds       = each.value.ack_deadline_seconds
  message_retention_duration = each.value.message_retention_duration
  retain_acked_messages      = each.value.retain_acked_messages
  enable_message_ordering    = each.value.enable_message_ordering
  filter                     = each.value.filter
  labels                     = var.labels

  push_config {
    push_endpoint = "${google_cloud_run_v2_service.service.uri}/push/${each.key}"

    oidc_token {
      service_account_email = coalesce(each.value.service_account_email, google_service_account.push.email)
      # By default it is the endpoint's URL, which differs for each subscription.
      audience = coalesce(each.value.audience, local.audience)
    }

    dynamic "no_wrapper" {
      for_each = each.value.unwrapped ? [true] : []
      content {
        # Without the metadata a push has neither a message id nor the subscription's name.
        write_metadata = true
      }
    }
  }

  retry_policy {
    minimum_backoff = each.value.minimum_backoff
    maximum_backoff = each.value.maximum_backoff
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letter[each.value.dead_letter_topic].id
    max_delivery_attempts = each.value.max_delivery_attempts
  }

  expiration_policy {
    ttl = "" # Never expires. By default Pub/Sub deletes a subscription after 31 idle days.
  }

  lifecycle {
    prevent_destroy = true
  }

  # The first push needs the right to call the service, and the first dead letter a subscription.
  depends_on = [
    google_cloud_run_v2_service_iam_member.declared_push_invoker,
    google_cloud_run_v2_service_iam_member.push_invoker,
    google_pubsub_subscription.dead_letter,
    google_pubsub_topic_iam_member.agent_dead_letter,
    google_pubsub_topic_iam_member.service_dead_letter,
    google_service_account_iam_member.agent_token_creator,
    google_service_account_iam_member.declared_token_creator,
  ]
}

# A topic without a subscription keeps no messages, so each dead-letter topic has a pull subscription.
resource "google_pubsub_subscription" "dead_letter" {
  for_each = local.dead_letter_topics

  project                    = var.project
  name                       = each.key
  topic                      = google_pubsub_topic.dead_letter[each.key].id
  ack_deadline_seconds       = 60 # For a pull by a person.
  message_retention_duration = "${local.dead_letter_retention_seconds}s"
  labels                     = var.labels

  expiration_policy {
    ttl = ""
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_eventarc_trigger" "trigger" {
  for_each = var.eventarc_triggers

  project         = var.project
  location        = var.region
  name            = each.key
  service_account = coalesce(each.value.service_account_email, google_service_account.push.email)
  labels          = var.labels

  matching_criteria {
    attribute = "type"
    value     = "google.cloud.pubsub.topic.v1.messagePublished"
  }

  transport {
    pubsub {
      topic = google_pubsub_topic.topic[each.value.topic].id
    }
  }

  destination {
    cloud_run_service {
      service = google_cloud_run_v2_service.service.name
      region  = var.region
      path    = "/push/${each.key}"
    }
  }

  lifecycle {
    # A deletion would also delete its subscription with all messages.
    prevent_destroy = true
  }

  depends_on = [
    google_cloud_run_v2_service_iam_member.declared_push_invoker,
    google_cloud_run_v2_service_iam_member.push_invoker,
    google_project_iam_member.event_receiver,
    google_pubsub_subscription.dead_letter,
    google_pubsub_topic_iam_member.service_dead_letter,
    google_service_account_iam_member.agent_token_creator,
    google_service_account_iam_member.declared_token_creator,
  ]
}

locals {
  dead_letter_retention_seconds = 2678400 # 31 days, the maximum.
}
