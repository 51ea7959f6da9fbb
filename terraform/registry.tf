# Where the service's images are.
resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:Google's own keys encrypt the images; they hold no secrets, and one's own key is another way to stop every start.
  project       = var.project
  location      = var.region
  repository_id = var.name
  description   = "Images of ${var.name}."
  format        = "DOCKER"
  labels        = var.labels

  # What is deployed is what was tested: no tag is moved to another image.
  docker_config {
    immutable_tags = true
  }

  # The last ten stay whatever their age, for the way back; of the others, what is older than 30 days goes.
  cleanup_policies {
    id     = "keep-the-last"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }
  cleanup_policies {
    id     = "delete-the-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.api]
}
