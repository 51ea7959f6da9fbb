output "service_url" {
  description = "Where pushes go: this and /push/SUBSCRIPTION."
  value       = google_cloud_run_v2_service.service.uri
}

output "audience" {
  description = "What push tokens are for."
  value       = local.audience
}

output "push_service_account_email" {
  description = "In whose name Pub/Sub pushes."
  value       = google_service_account.push.email
}

output "service_account_email" {
  description = "As whom the service runs: give it what handlers need."
  value       = google_service_account.service.email
}

output "image_repository" {
  description = "Where images are pushed to: REPOSITORY/NAME."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "topics" {
  description = "Full names of the topics, by id, for those who publish."
  value       = { for id, topic in google_pubsub_topic.topic : id => topic.id }
}

output "dead_letter_subscriptions" {
  description = "Full names of the subscriptions that hold dead letters, by topic."
  value       = { for id, subscription in google_pubsub_subscription.dead_letter : id => subscription.id }
}

output "store" {
  description = "The address of the store, as in PUSHGATE_STORE; it holds no password."
  value       = local.store_url
}
