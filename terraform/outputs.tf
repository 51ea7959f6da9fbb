output "service_url" {
  description = "The URL of the service. Pushes go to it and to /push/SUBSCRIPTION."
  value       = google_cloud_run_v2_service.service.uri
}

output "audience" {
  description = "The audience of push tokens."
  value       = local.audience
}

output "push_service_account_email" {
  description = "The account of push tokens."
  value       = google_service_account.push.email
}

output "service_account_email" {
  description = "The account of the service: grant it the rights that handlers need."
  value       = google_service_account.service.email
}

output "image_repository" {
  description = "The repository for images: REPOSITORY/NAME."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "topics" {
  description = "Full names of the topics, by id, for publishers."
  value       = { for id, topic in google_pubsub_topic.topic : id => topic.id }
}

output "dead_letter_subscriptions" {
  description = "Full names of the subscriptions with dead letters, by topic."
  value       = { for id, subscription in google_pubsub_subscription.dead_letter : id => subscription.id }
}

output "store" {
  description = "The address of the store, as in PUSHGATE_STORE, without a password."
  value       = local.store_url
}
