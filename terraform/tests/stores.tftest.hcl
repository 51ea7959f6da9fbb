# The stores of handled messages.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan

  override_resource {
    target = google_service_account.service
    values = {
      name   = "projects/my-project/serviceAccounts/pushgate-service@my-project.iam.gserviceaccount.com"
      email  = "pushgate-service@my-project.iam.gserviceaccount.com"
      member = "serviceAccount:pushgate-service@my-project.iam.gserviceaccount.com"
    }
  }
}

variables {
  project           = "my-project"
  region            = "europe-west1"
  image             = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate:1"
  topics            = { orders = {} }
  subscriptions     = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead" } }
  eventarc_triggers = {}
  schedules         = {}
  network           = { network = "projects/net/global/networks/main", subnetwork = "projects/net/regions/europe-west1/subnetworks/run" }
}

run "firestore_has_a_time_to_live_and_no_index" {
  command = plan
  variables {
    store = "firestore"
  }

  assert {
    condition     = google_firestore_database.store[0].type == "FIRESTORE_NATIVE" && google_firestore_database.store[0].name == "pushgate" && google_firestore_database.store[0].location_id == "europe-west1"
    error_message = "The database is in native mode, in the region of the service."
  }
  assert {
    condition     = google_firestore_database.store[0].delete_protection_state == "DELETE_PROTECTION_ENABLED" && google_firestore_database.store[0].deletion_policy == "ABANDON"
    error_message = "It is not deleted by mistake."
  }
  assert {
    condition     = toset(keys(google_firestore_field.record)) == toset(["state", "owner", "attempt", "since", "lease_ms", "expires", "fingerprint", "subscription", "id", "name", "text"])
    error_message = "All nine fields of a record are configured."
  }
  assert {
    condition     = alltrue([for name, field in google_firestore_field.record : field.field == name && field.collection == "pushgate" && field.database == "pushgate" && length(field.index_config) == 1 && length(field.index_config[0].indexes) == 0])
    error_message = "No field has an index."
  }
  assert {
    condition     = [for name, field in google_firestore_field.record : name if length(field.ttl_config) > 0] == ["expires"]
    error_message = "Records are deleted by the field expires, and by no other."
  }
  assert {
    condition     = length(google_redis_instance.store) == 0 && length(google_secret_manager_secret.store) == 0 && length(google_monitoring_alert_policy.store_full) == 0 && output.store == "firestore://my-project/pushgate"
    error_message = "Nothing of the other store is there."
  }
}

run "memorystore_is_private_encrypted_and_forgets_nothing_silently" {
  command = plan
  variables {
    store = "memorystore"
  }

  assert {
    condition     = google_redis_instance.store[0].tier == "STANDARD_HA" && google_redis_instance.store[0].memory_size_gb == 5 && google_redis_instance.store[0].redis_configs["maxmemory-policy"] == "noeviction" && google_redis_instance.store[0].persistence_config[0].persistence_mode == "RDB"
    error_message = "Redis has a replica and evicts no records."
  }
  assert {
    condition     = google_redis_instance.store[0].auth_enabled && google_redis_instance.store[0].transit_encryption_mode == "SERVER_AUTHENTICATION"
    error_message = "Redis requires a password and TLS."
  }
  assert {
    condition     = google_redis_instance.store[0].connect_mode == "PRIVATE_SERVICE_ACCESS" && google_redis_instance.store[0].authorized_network == "projects/net/global/networks/main" && google_cloud_run_v2_service.service.template[0].vpc_access[0].network_interfaces[0].network == "projects/net/global/networks/main"
    error_message = "Redis and service are in the same network."
  }
  assert {
    condition     = local.environment["PUSHGATE_STORE"] == "rediss://10.1.2.3:6378" && local.environment["PUSHGATE_STORE_CA_FILE"] == "/etc/pushgate/store/ca.pem" && !strcontains(output.store, "a-password")
    error_message = "The address selects TLS and contains no password."
  }
  assert {
    condition = one([
      for variable in google_cloud_run_v2_service.service.template[0].containers[0].env : "${variable.value_source[0].secret_key_ref[0].secret}:${variable.value_source[0].secret_key_ref[0].version}" if variable.name == "PUSHGATE_STORE_PASSWORD"
    ]) == "pushgate-store-password:7"
    error_message = "The password is a reference to one version of its secret."
  }
  assert {
    condition     = google_secret_manager_secret_version.store["password"].secret_data == "a-password" && google_secret_manager_secret_version.store["ca"].secret_data == "first certificate\nsecond certificate"
    error_message = "The secrets are the password and all certificate authorities, so that an authority can be replaced."
  }
  assert {
    condition = (
      google_cloud_run_v2_service.service.template[0].volumes[0].secret[0].secret == "pushgate-store-ca" && google_cloud_run_v2_service.service.template[0].volumes[0].secret[0].items[0].path == "ca.pem" &&
      google_cloud_run_v2_service.service.template[0].containers[0].volume_mounts[0].mount_path == "/etc/pushgate/store" && google_cloud_run_v2_service.service.template[0].containers[0].volume_mounts[0].name == google_cloud_run_v2_service.service.template[0].volumes[0].name
    )
    error_message = "The certificates are mounted at the path of the setting."
  }
  assert {
    condition     = toset(keys(google_secret_manager_secret_iam_member.service_store_secret)) == toset(["ca", "password"]) && alltrue([for right in values(google_secret_manager_secret_iam_member.service_store_secret) : right.role == "roles/secretmanager.secretAccessor" && right.member == "serviceAccount:pushgate-service@my-project.iam.gserviceaccount.com"])
    error_message = "The service may read both."
  }
  assert {
    condition     = alltrue([for secret in values(google_secret_manager_secret.store) : secret.replication[0].user_managed[0].replicas[0].location == "europe-west1"])
    error_message = "The secrets are stored in the region only."
  }
  assert {
    condition     = length(google_firestore_database.store) == 0 && length(google_firestore_field.record) == 0 && length(google_project_iam_member.service_store) == 0 && !contains(keys(google_project_service.api), "firestore.googleapis.com")
    error_message = "Nothing of the other store is there, nor a right to it."
  }
  assert {
    condition     = google_monitoring_alert_policy.store_full[0].conditions[0].condition_threshold[0].threshold_value == 0.8 && strcontains(google_monitoring_alert_policy.store_full[0].conditions[0].condition_threshold[0].filter, "instances/pushgate-store")
    error_message = "An alert fires before the store is full."
  }
}

run "without_tls_there_is_a_password_and_no_certificate" {
  command = plan
  variables {
    store       = "memorystore"
    memorystore = { tls = false, memory_size_gb = 10, redis_version = "REDIS_7_0", reserved_ip_range = "services" }
  }

  assert {
    condition     = google_redis_instance.store[0].transit_encryption_mode == "DISABLED" && google_redis_instance.store[0].auth_enabled && google_redis_instance.store[0].memory_size_gb == 10 && google_redis_instance.store[0].redis_version == "REDIS_7_0" && google_redis_instance.store[0].reserved_ip_range == "services"
    error_message = "Every field of memorystore is set on the instance."
  }
  assert {
    condition     = local.environment["PUSHGATE_STORE"] == "redis://10.1.2.3:6378" && !contains(keys(local.environment), "PUSHGATE_STORE_CA_FILE") && keys(google_secret_manager_secret.store) == ["password"] && length(google_cloud_run_v2_service.service.template[0].volumes) == 0
    error_message = "Without TLS there are no certificates."
  }
}
