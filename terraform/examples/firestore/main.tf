# The lowest costs: no instance while there are no messages, and a store that costs by the message.

terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 8.0"
    }
  }

  # The place of the state. Use a bucket with versions and restricted access.
  # backend "gcs" {
  #   bucket = "my-terraform-state"
  #   prefix = "pushgate"
  # }
}

provider "google" {
  project = var.project
  region  = var.region
}

locals {
  # Terraform loads this file automatically only in the folder of the module itself.
  declarations = jsondecode(file("${path.module}/../../subscriptions.auto.tfvars.json"))
}

module "pushgate" {
  source = "../.."

  project = var.project
  region  = var.region
  image   = var.image

  topics            = local.declarations.topics
  subscriptions     = local.declarations.subscriptions
  eventarc_triggers = local.declarations.eventarc_triggers
  schedules         = local.declarations.schedules

  store = "firestore"

  min_instances = 0
  max_instances = 5
  cpu           = 1
  cpu_idle      = true # CPU costs only during pushes.
  memory_mib    = 512

  notification_channels = var.notification_channels
  alerts                = var.alerts
}
