# Scheduled messages. Cloud Scheduler may publish one twice. A subscriber that must detect that needs an idempotency key of its own.
resource "google_cloud_scheduler_job" "schedule" {
  for_each = var.schedules

  project     = var.project
  region      = var.region
  name        = each.key
  description = substr(each.value.purpose, 0, 500)
  schedule    = each.value.schedule
  time_zone   = each.value.time_zone

  pubsub_target {
    topic_name = google_pubsub_topic.topic[each.value.topic].id
    data       = each.value.data_base64 == "" ? null : each.value.data_base64
    attributes = each.value.attributes
  }

  retry_config {
    retry_count = 5
  }

  depends_on = [google_pubsub_topic_iam_member.scheduler_agent]
}
