# Messages by the clock. Cloud Scheduler may publish one twice: a subscriber tells them apart by a key of its own, if it must.
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
