# The repository for the service's images.
resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:Google's own keys encrypt the images, which contain no secrets. A customer-managed key could stop every start.
  project       = var.project
  location      = var.region
  repository_id = var.name
  description   = "Images of ${var.name}."
  format        = "DOCKER"
  labels        = var.labels

  # Tags are immutable, so that the deployed image is the tested one.
  docker_config {
    immutable_tags = true
  }

  # The last ten images are kept for a rollback. Others are deleted after 30 days.
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
