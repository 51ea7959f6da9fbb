locals {
  # What the service needs to reach its Redis. The certificate is no secret, but comes into the container as a file in the same way.
  store_secrets = var.store != "memorystore" ? {} : merge(
    { password = "The password of ${var.name}'s Redis." },
    var.memorystore.tls ? { ca = "The certificate authorities of ${var.name}'s Redis." } : {},
  )
}

resource "google_secret_manager_secret" "store" {
  for_each = local.store_secrets

  project     = var.project
  secret_id   = "${var.name}-store-${each.key}"
  labels      = var.labels
  annotations = { purpose = each.value }

  replication {
    user_managed {
      replicas {
        location = var.region # Where it is used, and nowhere else.
      }
    }
  }

  depends_on = [google_project_service.api]
}

# Both are in Terraform's state, too, since the provider reports them: keep the state where few may read it.
resource "google_secret_manager_secret_version" "store" {
  for_each = local.store_secrets

  secret      = google_secret_manager_secret.store[each.key].id
  secret_data = each.key == "password" ? google_redis_instance.store[0].auth_string : join("\n", google_redis_instance.store[0].server_ca_certs[*].cert)
}
