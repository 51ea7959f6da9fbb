# The highest rates: permanent instances, and a Redis.

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

  store = "memorystore"
  memorystore = {
    memory_size_gb = 5
    # From the connection, so that it is created before the Redis.
    reserved_ip_range = google_service_networking_connection.services.reserved_peering_ranges[0]
  }
  network = { network = google_compute_network.network.id, subnetwork = google_compute_subnetwork.service.id }

  min_instances = 2 # One is active while the other is replaced.
  max_instances = 50
  concurrency   = 250
  cpu           = 2
  cpu_idle      = false # For busy instances CPU by the hour is cheaper, and connections stay alive.
  memory_mib    = 2048

  notification_channels = var.notification_channels
  alerts                = var.alerts
}
