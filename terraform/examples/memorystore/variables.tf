variable "project" {
  description = "Id of the project of all resources."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region of the service, its store and its images, such as europe-west1."
  type        = string
  default     = "europe-west1"
  nullable    = false
}

variable "image" {
  description = "The container image by digest, built with the feature `redis`."
  type        = string
  nullable    = false
}

variable "notification_channels" {
  description = "The channels of alerts: full names, `projects/P/notificationChannels/N`."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "subnetwork_range" {
  description = "The addresses of the service's instances, CIDR: a /24 suffices for some hundred concurrent instances."
  type        = string
  default     = "10.8.0.0/24"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.subnetwork_range, 0)) && try(tonumber(split("/", var.subnetwork_range)[1]) <= 26, false)
    error_message = "subnetwork_range must be a CIDR range of at least a /26, as 10.8.0.0/24."
  }
}

variable "alerts" {
  description = "The alerts of this environment, as the module describes them: `{ enabled = false }`, or limits that replace the declared ones."
  type        = any
  default     = {}
}
