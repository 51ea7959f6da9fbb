output "service_url" {
  description = "The URL of the service."
  value       = module.pushgate.service_url
}

output "image_repository" {
  description = "The repository for images."
  value       = module.pushgate.image_repository
}

output "topics" {
  description = "Full names of the topics, for publishers."
  value       = module.pushgate.topics
}

output "store" {
  description = "The address of the store, without a password."
  value       = module.pushgate.store
}
