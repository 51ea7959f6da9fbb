# The Cloud Run service.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan

  override_resource {
    target = google_service_account.push
    values = {
      name   = "projects/my-project/serviceAccounts/pushgate-push@my-project.iam.gserviceaccount.com"
      email  = "pushgate-push@my-project.iam.gserviceaccount.com"
      member = "serviceAccount:pushgate-push@my-project.iam.gserviceaccount.com"
    }
  }
}

variables {
  project           = "my-project"
  region            = "europe-west1"
  image             = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate:1"
  store             = "firestore"
  topics            = { orders = {} }
  subscriptions     = { slow = { topic = "orders", purpose = "Takes its time.", dead_letter_topic = "slow-dead", ack_deadline_seconds = 300, audience = "https://elsewhere.example" } }
  eventarc_triggers = {}
  schedules         = {}
}

run "by_default_it_checks_the_signatures_itself_and_is_reached_by_pub_sub_alone" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.service.invoker_iam_disabled && local.environment["PUSHGATE_AUTHENTICATION"] == "verify"
    error_message = "Cloud Run's check is off, since it may remove the signature; the service's check is on."
  }
  assert {
    condition     = google_cloud_run_v2_service.service.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    error_message = "Nothing from the internet reaches it."
  }
  assert {
    condition     = google_cloud_run_v2_service.service.deletion_protection
    error_message = "It is not deleted by mistake."
  }
  assert {
    condition     = toset(google_cloud_run_v2_service.service.custom_audiences) == toset(["https://pushgate.europe-west1.my-project.internal", "https://elsewhere.example"])
    error_message = "Cloud Run's check accepts the audiences of all subscriptions."
  }
  assert {
    condition = jsonencode({ for variable in google_cloud_run_v2_service.service.template[0].containers[0].env : variable.name => variable.value }) == jsonencode({
      GOOGLE_CLOUD_PROJECT    = "my-project"
      PUSHGATE_STORE          = "firestore://my-project/pushgate"
      PUSHGATE_AUDIENCE       = "https://pushgate.europe-west1.my-project.internal"
      PUSHGATE_CALLERS        = "pushgate-push@my-project.iam.gserviceaccount.com"
      PUSHGATE_AUTHENTICATION = "verify"
      PUSHGATE_CONCURRENCY    = "80"
      PUSHGATE_BODIES_BYTES   = "268435456"
    })
    error_message = "These are its settings, and no others: ${jsonencode(google_cloud_run_v2_service.service.template[0].containers[0].env)}"
  }
  assert {
    condition     = local.environment["PUSHGATE_AUDIENCE"] == output.audience && local.environment["PUSHGATE_CALLERS"] == output.push_service_account_email
    error_message = "Both sides agree on audience and account."
  }
  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].http_get[0].path == "/health/ready" && google_cloud_run_v2_service.service.template[0].containers[0].liveness_probe[0].http_get[0].path == "/health/live"
    error_message = "The startup probe requires keys and store; the liveness probe requires an answer only."
  }
  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].timeout_seconds <= google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].period_seconds && google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].failure_threshold * google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].period_seconds == 240
    error_message = "A probe ends before the next, and all of them take the 240 s that Google permits, since new rights may not be effective yet."
  }
  assert {
    condition     = terraform_data.rights.input.seconds == 180 && length(terraform_data.rights.triggers_replace[1]) == 1
    error_message = "The service is created three minutes after its rights, including those on the store."
  }
  assert {
    condition     = google_cloud_run_v2_service.service.template[0].timeout == "600s" && google_cloud_run_v2_service.service.template[0].max_instance_request_concurrency == 80
    error_message = "No ack deadline is longer than the timeout."
  }
  assert {
    condition     = google_cloud_run_v2_service.service.template[0].containers[0].resources[0].cpu_idle && google_cloud_run_v2_service.service.template[0].containers[0].resources[0].limits == tomap({ cpu = "1", memory = "512Mi" })
    error_message = "CPU is explicitly limited to requests: without a value it would be always on."
  }
  assert {
    condition     = google_cloud_run_v2_service.service.template[0].scaling[0].min_instance_count == 0 && google_cloud_run_v2_service.service.template[0].scaling[0].max_instance_count == 10
    error_message = "The service has 0 to 10 instances."
  }
  assert {
    condition     = length(google_cloud_run_v2_service.service.template[0].vpc_access) == 0 && length(google_cloud_run_v2_service.service.template[0].volumes) == 0
    error_message = "The service has neither a network nor files by default."
  }
  assert {
    condition     = google_artifact_registry_repository.images.format == "DOCKER" && output.image_repository == "europe-west1-docker.pkg.dev/my-project/pushgate"
    error_message = "The images have a repository."
  }
  assert {
    condition     = toset(keys(google_project_service.api)) == toset(["artifactregistry.googleapis.com", "cloudresourcemanager.googleapis.com", "firestore.googleapis.com", "iam.googleapis.com", "monitoring.googleapis.com", "pubsub.googleapis.com", "run.googleapis.com"])
    error_message = "The required APIs are enabled, and no others."
  }
}

run "everything_can_be_set" {
  command = plan
  variables {
    name                  = "other"
    audience              = "https://audience.example"
    additional_audiences  = ["https://older.example"]
    authentication        = "platform"
    ingress               = "INGRESS_TRAFFIC_ALL"
    concurrency           = 250
    min_instances         = 1
    max_instances         = 3
    cpu                   = 2
    cpu_idle              = false
    memory_mib            = 2048
    timeout_seconds       = 300
    execution_environment = "EXECUTION_ENVIRONMENT_GEN1"
    startup_probe_path    = "/health/live"
    deletion_protection   = false
    environment           = { WAREHOUSE_URL = "https://warehouse.example" }
    secret_environment    = { API_KEY = { secret = "api-key", version = "3" } }
    network               = { network = "projects/net/global/networks/main", subnetwork = "projects/net/regions/europe-west1/subnetworks/run" }
    firestore             = { database = "(default)", location = "eur3" }
  }

  assert {
    condition     = google_cloud_run_v2_service.service.name == "other" && google_service_account.push.account_id == "other-push" && google_artifact_registry_repository.images.repository_id == "other"
    error_message = "name"
  }
  assert {
    condition     = !google_cloud_run_v2_service.service.invoker_iam_disabled && local.environment["PUSHGATE_AUTHENTICATION"] == "platform"
    error_message = "The platform's check is on where the service relies on it."
  }
  assert {
    condition     = local.environment["PUSHGATE_AUDIENCE"] == "https://audience.example,https://older.example" && contains(google_cloud_run_v2_service.service.custom_audiences, "https://older.example")
    error_message = "Both audiences are accepted during a change."
  }
  assert {
    condition     = local.environment["PUSHGATE_CONCURRENCY"] == "250" && google_cloud_run_v2_service.service.template[0].max_instance_request_concurrency == 250
    error_message = "Cloud Run sends no more pushes than the service accepts."
  }
  assert {
    condition     = local.environment["PUSHGATE_BODIES_BYTES"] == "1073741824" && google_cloud_run_v2_service.service.template[0].containers[0].resources[0].limits == tomap({ cpu = "2", memory = "2048Mi" }) && !google_cloud_run_v2_service.service.template[0].containers[0].resources[0].cpu_idle
    error_message = "Half of the memory is for bodies."
  }
  assert {
    condition     = google_cloud_run_v2_service.service.template[0].scaling[0].min_instance_count == 1 && google_cloud_run_v2_service.service.template[0].scaling[0].max_instance_count == 3 && google_cloud_run_v2_service.service.template[0].timeout == "300s"
    error_message = "min_instances, max_instances and timeout_seconds"
  }
  assert {
    condition     = google_cloud_run_v2_service.service.ingress == "INGRESS_TRAFFIC_ALL" && !google_cloud_run_v2_service.service.deletion_protection && google_cloud_run_v2_service.service.template[0].execution_environment == "EXECUTION_ENVIRONMENT_GEN1" && google_cloud_run_v2_service.service.template[0].containers[0].startup_probe[0].http_get[0].path == "/health/live"
    error_message = "ingress, deletion_protection, execution_environment and startup_probe_path"
  }
  assert {
    condition     = local.environment["WAREHOUSE_URL"] == "https://warehouse.example"
    error_message = "environment"
  }
  assert {
    condition = one([
      for variable in google_cloud_run_v2_service.service.template[0].containers[0].env : "${variable.value_source[0].secret_key_ref[0].secret}:${variable.value_source[0].secret_key_ref[0].version}" if variable.name == "API_KEY"
    ]) == "api-key:3"
    error_message = "A secret is a reference, not a value."
  }
  assert {
    condition     = google_cloud_run_v2_service.service.template[0].vpc_access[0].egress == "PRIVATE_RANGES_ONLY" && google_cloud_run_v2_service.service.template[0].vpc_access[0].network_interfaces[0].subnetwork == "projects/net/regions/europe-west1/subnetworks/run"
    error_message = "network"
  }
  assert {
    condition     = local.environment["PUSHGATE_STORE"] == "firestore://my-project" && google_firestore_database.store[0].location_id == "eur3" && google_project_iam_member.service_store[0].condition[0].title == "only-default"
    error_message = "The default database has no name in the address."
  }
}

run "the_marker_of_a_removed_signature_is_never_believed_from_strangers" {
  command = plan
  variables {
    authentication       = "platform"
    invoker_iam_disabled = true
  }
  expect_failures = [google_cloud_run_v2_service.service]
}

run "a_timeout_below_the_longest_ack_deadline_is_refused" {
  command = plan
  variables {
    timeout_seconds = 299
  }
  expect_failures = [google_cloud_run_v2_service.service]
}

run "signatures_may_be_checked_twice" {
  command = plan
  variables {
    invoker_iam_disabled = false
  }

  assert {
    condition     = !google_cloud_run_v2_service.service.invoker_iam_disabled && local.environment["PUSHGATE_AUTHENTICATION"] == "verify"
    error_message = "Both checks are on."
  }
}
