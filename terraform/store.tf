locals {
  store_url = var.store == "firestore" ? (
    var.firestore.database == "(default)" ? "firestore://${var.project}" : "firestore://${var.project}/${var.firestore.database}"
    ) : (
    "${var.memorystore.tls ? "rediss" : "redis"}://${one(google_redis_instance.store[*].host)}:${one(google_redis_instance.store[*].port)}"
  )

  # The fields of a record. No query uses them: an index would cost, and one on a timestamp would limit the rate to 500 writes a second.
  firestore_fields = toset(["state", "owner", "attempt", "since", "lease_ms", "expires", "fingerprint", "subscription", "id", "name", "text"])
}

# Firestore

resource "google_firestore_database" "store" {
  count = var.store == "firestore" ? 1 : 0

  project     = var.project
  name        = var.firestore.database
  location_id = coalesce(var.firestore.location, var.region)
  type        = "FIRESTORE_NATIVE"

  # A backup from the day before lacks a day of messages, so it would be useless.
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_DISABLED"

  delete_protection_state = "DELETE_PROTECTION_ENABLED"
  deletion_policy         = "ABANDON" # A permitted destroy keeps the database, too.

  lifecycle {
    # Without its records, redelivered messages run again.
    prevent_destroy = true
  }

  depends_on = [google_project_service.api]
}

resource "google_firestore_field" "record" {
  for_each = var.store == "firestore" ? local.firestore_fields : []

  project    = var.project
  database   = google_firestore_database.store[0].name
  collection = "pushgate"
  field      = each.key

  # Empty: no index at all.
  index_config {}

  dynamic "ttl_config" {
    for_each = each.key == "expires" ? [true] : []
    content {} # Firestore deletes a record within a day after this time. pushgate does not depend on it.
  }
}

# Memorystore

resource "google_redis_instance" "store" {
  # checkov:skip=CKV_GCP_97:var.memorystore.tls is true unless set otherwise, which only the reason in README.md justifies. The network is private.
  count = var.store == "memorystore" ? 1 : 0

  project           = var.project
  region            = var.region
  name              = "${var.name}-store"
  display_name      = "What ${var.name} remembers"
  labels            = var.labels
  redis_version     = var.memorystore.redis_version
  memory_size_gb    = var.memorystore.memory_size_gb
  tier              = "STANDARD_HA" # A replica in another zone takes over. BASIC loses all records if its single server fails.
  connect_mode      = "PRIVATE_SERVICE_ACCESS"
  reserved_ip_range = var.memorystore.reserved_ip_range

  # Private addresses only.
  authorized_network      = var.network.network
  auth_enabled            = true
  transit_encryption_mode = var.memorystore.tls ? "SERVER_AUTHENTICATION" : "DISABLED"

  redis_configs = {
    # Google's default evicts records silently when memory is short, and their messages may run again. With this policy a full
    # Redis rejects claims, Pub/Sub redelivers later, and an alert warns before.
    maxmemory-policy = "noeviction"
  }

  # A snapshot, in case that both servers fail.
  persistence_config {
    persistence_mode    = "RDB"
    rdb_snapshot_period = "ONE_HOUR"
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_project_service.api]
}
