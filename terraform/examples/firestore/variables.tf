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
  description = "The container image by digest, built with the feature `firestore`."
  type        = string
  nullable    = false
}

variable "notification_channels" {
  description = "The channels of alerts: full names, `projects/P/notificationChannels/N`."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "alerts" {
  description = "The alerts of this environment, as the module describes them: `{ enabled = false }`, or limits that replace the declared ones."
  type        = any
  default     = {}
}
