locals {
  # The password and the certificate of Redis. The certificate is not secret, but is mounted as a file in the same way.
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
        location = var.region # The region of the service only.
      }
    }
  }

  depends_on = [google_project_service.api]
}

# Both are also in Terraform's state, since the provider reports them: restrict the access to the state.
resource "google_secret_manager_secret_version" "store" {
  for_each = local.store_secrets

  secret      = google_secret_manager_secret.store[each.key].id
  secret_data = each.key == "password" ? google_redis_instance.store[0].auth_string : join("\n", google_redis_instance.store[0].server_ca_certs[*].cert)
}
