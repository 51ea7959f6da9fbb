# A network of its own: the service's instances in one range, Google's managed Redis in another, and no access from outside.

locals {
  network_apis = toset(["compute.googleapis.com", "servicenetworking.googleapis.com"])
}

resource "google_project_service" "network_api" {
  for_each = local.network_apis

  project            = var.project
  service            = each.key
  disable_on_destroy = false
}

resource "google_compute_network" "network" {
  project                 = var.project
  name                    = "pushgate"
  auto_create_subnetworks = false

  depends_on = [google_project_service.network_api]
}

resource "google_compute_subnetwork" "service" {
  project                  = var.project
  region                   = var.region
  name                     = "pushgate-service"
  network                  = google_compute_network.network.id
  ip_cidr_range            = var.subnetwork_range
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }
}

# Private service access: a range for Google's managed services, and the connection to it.
resource "google_compute_global_address" "services" {
  project       = var.project
  name          = "pushgate-services"
  network       = google_compute_network.network.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 24
}

resource "google_service_networking_connection" "services" {
  network                 = google_compute_network.network.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
}

# No connection from outside is accepted. Answers to the service's own connections are.
resource "google_compute_firewall" "nothing_comes_in" {
  project       = var.project
  name          = "pushgate-nothing-comes-in"
  network       = google_compute_network.network.id
  direction     = "INGRESS"
  priority      = 65534
  source_ranges = ["0.0.0.0/0"]

  deny {
    protocol = "all"
  }
}
