output "service_url" {
  description = "Where pushes go."
  value       = module.pushgate.service_url
}

output "image_repository" {
  description = "Where images are pushed to."
  value       = module.pushgate.image_repository
}

output "topics" {
  description = "Full names of the topics, for those who publish."
  value       = module.pushgate.topics
}

output "store" {
  description = "The address of the store; it holds no password."
  value       = module.pushgate.store
}
