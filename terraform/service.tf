locals {
  audience = coalesce(var.audience, "https://${var.name}.${var.region}.${var.project}.internal")

  # The URL is known before the service exists. It is the most likely audience of Eventarc's tokens, which cannot be set.
  service_url = "https://${var.name}-${data.google_project.project.number}.${var.region}.run.app"

  audiences = distinct(concat([local.audience], sort(var.additional_audiences), length(var.eventarc_triggers) > 0 ? [local.service_url] : []))

  invoker_iam_disabled = coalesce(var.invoker_iam_disabled, var.authentication == "verify")

  longest_ack_deadline_seconds = max(concat([0], [
    for declared in concat(values(var.subscriptions), values(var.eventarc_triggers)) : declared.ack_deadline_seconds
  ])...)

  store_ca_folder = "/etc/pushgate/store"

  environment = merge(
    # The commands of operators have tokens of the push accounts.
    length(var.operators) > 0 ? { PUSHGATE_OPERATORS = join(",", concat([google_service_account.push.email], sort(tolist(local.declared_push_accounts)))) } : {},
    var.environment,
    {
      GOOGLE_CLOUD_PROJECT    = var.project
      PUSHGATE_STORE          = local.store_url
      PUSHGATE_AUDIENCE       = join(",", local.audiences)
      PUSHGATE_CALLERS        = google_service_account.push.email
      PUSHGATE_AUTHENTICATION = var.authentication
      PUSHGATE_CONCURRENCY    = tostring(var.concurrency)
      PUSHGATE_BODIES_BYTES   = tostring(var.memory_mib * 1024 * 1024 / 2)
    },
    contains(keys(local.store_secrets), "ca") ? { PUSHGATE_STORE_CA_FILE = "${local.store_ca_folder}/ca.pem" } : {},
  )

  # A fixed version, so that a new password creates a new revision.
  secret_environment = merge(
    var.secret_environment,
    contains(keys(local.store_secrets), "password") ? {
      PUSHGATE_STORE_PASSWORD = { secret = google_secret_manager_secret.store["password"].secret_id, version = google_secret_manager_secret_version.store["password"].version }
    } : {},
  )
}

resource "google_cloud_run_v2_service" "service" {
  project             = var.project
  location            = var.region
  name                = var.name
  description         = "Receives Pub/Sub's pushes, and runs each message's handler once."
  labels              = var.labels
  deletion_protection = var.deletion_protection

  ingress              = var.ingress
  invoker_iam_disabled = local.invoker_iam_disabled
  # The audiences that Cloud Run's own check accepts besides the service's URL.
  custom_audiences = distinct(concat(local.audiences, compact([for declared in concat(values(var.subscriptions), values(var.eventarc_triggers)) : declared.audience])))

  template {
    service_account                  = google_service_account.service.email
    execution_environment            = var.execution_environment
    max_instance_request_concurrency = var.concurrency
    timeout                          = "${var.timeout_seconds}s"
    labels                           = var.labels

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    dynamic "vpc_access" {
      for_each = var.network[*]
      content {
        egress = "PRIVATE_RANGES_ONLY" # The issuer's keys and Google's interfaces are reached directly.
        network_interfaces {
          network    = vpc_access.value.network
          subnetwork = vpc_access.value.subnetwork
        }
      }
    }

    containers {
      image = var.image

      ports {
        name           = "http1" # A body is at most 14 MiB, so the 32 MiB of HTTP/1.1 do not matter.
        container_port = 8080
      }

      resources {
        limits = {
          cpu    = tostring(var.cpu)
          memory = "${var.memory_mib}Mi"
        }
        cpu_idle          = var.cpu_idle
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.environment
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.secret_environment
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value.secret
              version = env.value.version
            }
          }
        }
      }

      dynamic "volume_mounts" {
        for_each = contains(keys(local.store_secrets), "ca") ? [true] : []
        content {
          name       = "store-ca"
          mount_path = local.store_ca_folder
        }
      }

      # Four minutes, the longest time that Cloud Run permits, since some rights of the first revision may not be effective yet. A
      # revision that cannot reach its store or the issuer's keys gets no push, and the previous revision stays active.
      startup_probe {
        period_seconds    = 5
        timeout_seconds   = 4
        failure_threshold = 48
        http_get {
          path = var.startup_probe_path
          port = 8080
        }
      }

      # Checks only that the process answers: a restart does not repair a store, and would interrupt running handlers.
      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/health/live"
          port = 8080
        }
      }
    }

    dynamic "volumes" {
      for_each = contains(keys(local.store_secrets), "ca") ? [true] : []
      content {
        name = "store-ca"
        secret {
          secret = google_secret_manager_secret.store["ca"].secret_id
          items {
            path    = "ca.pem"
            version = google_secret_manager_secret_version.store["ca"].version
          }
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = !(var.authentication == "platform" && local.invoker_iam_disabled)
      error_message = "authentication is platform, so the service relies on Cloud Run to check the signature, but invoker_iam_disabled is true: any client could forge a token. Leave invoker_iam_disabled null, or set authentication to verify."
    }
    precondition {
      condition     = var.timeout_seconds >= local.longest_ack_deadline_seconds
      error_message = "timeout_seconds is ${var.timeout_seconds}, less than the longest ack deadline, ${local.longest_ack_deadline_seconds} s: Cloud Run would cut off handlers that may still run. Set it to at least that."
    }
  }

  # A revision starts only after its dependencies.
  depends_on = [
    google_project_service.api,
    terraform_data.rights,
  ]
}
