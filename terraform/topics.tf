locals {
  # The schemas by name. Several topics may use one: declarations.tf validates that their definitions are equal.
  schemas = { for name, definitions in { for topic in values(var.topics) : topic.schema.name => topic.schema... if topic.schema != null } : name => definitions[0] }

  # The dead-letter topics of Pub/Sub and of the service. Eventarc's subscriptions have only those of the service.
  forwarded_dead_letter_topics = toset([for subscription in values(var.subscriptions) : subscription.dead_letter_topic])
  dead_letter_topics           = setunion(local.forwarded_dead_letter_topics, [for trigger in values(var.eventarc_triggers) : trigger.dead_letter_topic])
}

resource "google_pubsub_schema" "schema" {
  for_each = local.schemas

  project    = var.project
  name       = each.key
  type       = each.value.type
  definition = each.value.definition

  lifecycle {
    # A topic whose schema was deleted rejects every message.
    prevent_destroy = true
  }

  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic" "topic" {
  # checkov:skip=CKV_GCP_83:Google's own keys encrypt the messages. A disabled customer-managed key would stop every publish.
  for_each = var.topics

  project                    = var.project
  name                       = each.key
  message_retention_duration = var.topic_retention
  labels                     = var.labels

  dynamic "schema_settings" {
    for_each = each.value.schema[*]
    content {
      schema   = google_pubsub_schema.schema[schema_settings.value.name].id
      encoding = schema_settings.value.encoding
    }
  }

  dynamic "message_storage_policy" {
    for_each = length(var.message_storage_regions) > 0 ? [var.message_storage_regions] : []
    content {
      allowed_persistence_regions = message_storage_policy.value
    }
  }

  lifecycle {
    # Its subscriptions would remain without a topic.
    prevent_destroy = true
  }

  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic" "dead_letter" {
  # checkov:skip=CKV_GCP_83:Google's own keys encrypt the messages. A disabled customer-managed key would stop dead lettering.
  for_each = local.dead_letter_topics

  project = var.project
  name    = each.key
  labels  = var.labels

  dynamic "message_storage_policy" {
    for_each = length(var.message_storage_regions) > 0 ? [var.message_storage_regions] : []
    content {
      allowed_persistence_regions = message_storage_policy.value
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.api]
}
