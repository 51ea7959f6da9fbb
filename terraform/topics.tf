locals {
  # Each by name, though several topics may have it: declarations.tf sees to it that these agree.
  schemas = { for name, definitions in { for topic in values(var.topics) : topic.schema.name => topic.schema... if topic.schema != null } : name => definitions[0] }

  # Of Pub/Sub's own dead lettering, and of the service's, which is all there is for Eventarc's subscriptions.
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
    # A topic whose schema is gone refuses every message.
    prevent_destroy = true
  }

  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic" "topic" {
  # checkov:skip=CKV_GCP_83:Google's own keys encrypt the messages; a key of one's own that is switched off stops every publish.
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
    # Its subscriptions would stay behind without a topic.
    prevent_destroy = true
  }

  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic" "dead_letter" {
  # checkov:skip=CKV_GCP_83:Google's own keys encrypt the messages; a key of one's own that is switched off stops dead lettering.
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
