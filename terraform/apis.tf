locals {
  apis = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudresourcemanager.googleapis.com", # The project's number.
      "iam.googleapis.com",
      "monitoring.googleapis.com",
      "pubsub.googleapis.com",
      "run.googleapis.com",
    ],
    var.store == "firestore" ? ["firestore.googleapis.com"] : [],
    var.store == "memorystore" ? ["redis.googleapis.com"] : [],
    var.store == "memorystore" || length(var.secret_environment) > 0 ? ["secretmanager.googleapis.com"] : [],
    length(var.schedules) > 0 ? ["cloudscheduler.googleapis.com"] : [],
    length(var.eventarc_triggers) > 0 ? ["eventarc.googleapis.com"] : [],
  ))
}

resource "google_project_service" "api" {
  for_each = local.apis

  project = var.project
  service = each.key

  # Other services of the project may need it.
  disable_on_destroy = false
}
