# Alerts on the service, its revisions, its log and its store: one policy for each kind of incident.

locals {
  # The lines of this service. Cloud Run lifts `severity` and the labels out of a line; if it did not, they would be in jsonPayload.
  service_log = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${var.name}\" AND resource.labels.location=\"${var.region}\""
  own_lines   = "${local.service_log} AND logName=(\"projects/${var.project}/logs/run.googleapis.com%2Fstderr\" OR \"projects/${var.project}/logs/run.googleapis.com%2Fstdout\")"
  # Cloud Run's audit log. Entries about a service and entries about a revision have different resources.
  audit_lines = "logName=(\"projects/${var.project}/logs/cloudaudit.googleapis.com%2Fsystem_event\" OR \"projects/${var.project}/logs/cloudaudit.googleapis.com%2Factivity\") AND resource.labels.service_name=\"${var.name}\""

  log_alerts = {
    error_lines = {
      title    = "ERROR in the log"
      severity = "ERROR"
      filter   = "${local.own_lines} AND (severity>=ERROR OR jsonPayload.severity=\"ERROR\")"
      labels   = { subscription = "EXTRACT(labels.subscription)", outcome = "EXTRACT(labels.outcome)" }
      meaning  = "pushgate writes ERROR only if a person must act: a message, the store, the keys or a handler needs repair."
      look     = "`gcloud logging read '${local.own_lines} AND severity>=ERROR' --project=${var.project} --freshness=1h --limit=20 --format='value(jsonPayload.message, jsonPayload.subscription, jsonPayload.message_id, jsonPayload.reason)'`"
      repair   = "the reason names what was found, what was expected, and the setting that decides; the runbook has the command for each line."
      runbook  = "error-lines"
    }
    poison = {
      title    = "messages are dead-lettered with a reason"
      severity = "ERROR"
      filter   = "${local.own_lines} AND (jsonPayload.outcome=\"dead-lettered\" OR labels.outcome=\"dead-lettered\")"
      labels   = { subscription = "EXTRACT(labels.subscription)" }
      meaning  = "the service dead-letters messages that can never succeed: poison, not an outage. Their effects are missing until they are replayed."
      look     = "`pushgate dead-letters list`, which groups them by subscription, reason and error; `pushgate dead-letters show` for one."
      repair   = "correct the publisher or the handler, then `pushgate dead-letters replay`; or `pushgate dead-letters discard`."
      runbook  = "dead-letters"
    }
    failed_rollout = {
      title    = "a revision does not become ready"
      severity = "CRITICAL"
      filter   = "${local.audit_lines} AND (protoPayload.status.message:\"Ready condition status changed to False\" OR protoPayload.response.status.conditions.message:\"Ready condition status changed to False\")"
      labels   = { revision = "EXTRACT(resource.labels.revision_name)" }
      meaning  = "the last deployment has no effect: the new revision never became ready, and the one before goes on. A new subscriber of it is answered 404 meanwhile."
      look     = "`gcloud run revisions list --service=${var.name} --region=${var.region} --project=${var.project} --limit=3`, then the log of the newest: the line \"not ready\" names keys or store."
      repair   = "correct what the log names, and `terraform apply`. If the first apply of all fails, untaint the service before."
      runbook  = "failed-rollout"
    }
    pinned_traffic = {
      title    = "traffic is pinned to a revision"
      severity = "WARNING"
      # Entries in the forms of both versions of Cloud Run's API.
      filter  = "${local.audit_lines} AND protoPayload.methodName=~\"(UpdateService|ReplaceService)$\" AND (protoPayload.response.spec.traffic.revisionName:* OR protoPayload.response.traffic.revision:*) AND NOT protoPayload.response.spec.traffic.latestRevision=\"true\" AND NOT protoPayload.response.traffic.type=\"TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST\""
      labels  = { method = "EXTRACT(protoPayload.methodName)" }
      meaning = "all pushes go to named revisions. Later deployments get none of them, until the traffic follows the latest revision again. That is intended only during a roll-back."
      look    = "`gcloud run services describe ${var.name} --region=${var.region} --project=${var.project} --format='yaml(status.traffic)'`"
      repair  = "`gcloud run services update-traffic ${var.name} --region=${var.region} --project=${var.project} --to-latest`"
      runbook = "pinned-traffic"
    }
    no_instance = {
      title    = "pushes find no instance"
      severity = "ERROR"
      filter   = "${local.service_log} AND logName=\"projects/${var.project}/logs/run.googleapis.com%2Frequests\" AND textPayload:\"no available instance\""
      labels   = { revision = "EXTRACT(resource.labels.revision_name)" }
      meaning  = "Cloud Run rejects pushes before they reach the service: all ${var.max_instances} instances are full, or new ones do not start fast enough. Each rejected push uses up an attempt."
      look     = "the tile Instances on the dashboard; then duration_ms in the service's log: slow handlers fill instances."
      repair   = "raise `max_instances`, `concurrency` or `min_instances` and `terraform apply`; until then `pushgate pause SUBSCRIPTION` for the largest one."
      runbook  = "instance-limit"
    }
  }
}

resource "google_monitoring_alert_policy" "log" {
  for_each = var.alerts.enabled ? local.log_alerts : {}

  project               = var.project
  display_name          = "${var.name}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels

  conditions {
    display_name = "A line of the log"
    condition_matched_log {
      filter           = each.value.filter
      label_extractors = each.value.labels
    }
  }

  alert_strategy {
    auto_close = "${var.alerts.auto_close_seconds}s"
    notification_rate_limit {
      period = "${var.alerts.notification_period_seconds}s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **Meaning**: ${each.value.meaning}

      **First look**: ${each.value.look}

      **Repair**: ${each.value.repair}

      **Runbook**: ${var.alerts.runbooks}/${each.value.runbook}.md
    TEXT
  }

  depends_on = [google_project_service.api]
}

# With one instance its limit says nothing: then only pushes without an instance do.
resource "google_monitoring_alert_policy" "instance_limit" {
  count = var.alerts.enabled && var.max_instances > 1 ? 1 : 0

  project               = var.project
  display_name          = "${var.name}: the limit of instances is near"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = var.notification_channels

  conditions {
    display_name = "At least ${ceil(var.max_instances * var.alerts.instance_share)} of ${var.max_instances} instances are busy"
    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${var.name}\" AND resource.labels.location = \"${var.region}\" AND metric.type = \"run.googleapis.com/container/instance_count\" AND metric.labels.state = \"active\""
      comparison      = "COMPARISON_GT"
      threshold_value = ceil(var.max_instances * var.alerts.instance_share) - 1
      duration        = "300s"
      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_MAX"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  alert_strategy {
    auto_close = "${var.alerts.auto_close_seconds}s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **Meaning**: nearly all ${var.max_instances} instances are busy. If they are full, pushes are answered 429, and Pub/Sub slows down.

      **First look**: the tiles Instances and Pushes by result on the dashboard; then duration_ms in the service's log: slow handlers fill instances.

      **Repair**: raise `max_instances` or `concurrency` and `terraform apply`, if the handlers' databases support that many messages at once.

      **Runbook**: ${var.alerts.runbooks}/instance-limit.md
    TEXT
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "store_full" {
  count = var.alerts.enabled && var.store == "memorystore" ? 1 : 0

  project               = var.project
  display_name          = "${var.name}: the store is nearly full"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  conditions {
    display_name = "Redis uses more than 80 % of its memory"
    condition_threshold {
      filter          = "resource.type = \"redis_instance\" AND resource.labels.instance_id = \"${google_redis_instance.store[0].id}\" AND metric.type = \"redis.googleapis.com/stats/memory/usage_ratio\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0.8
      duration        = "300s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  alert_strategy {
    auto_close = "${var.alerts.auto_close_seconds}s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      **Meaning**: the Redis of `${var.name}` uses more than 80 % of its ${var.memorystore.memory_size_gb} GB. A full Redis rejects new claims, which is better than to evict records. Then every push is answered 503, and no message is handled.

      **First look**: the tile Memory of the store on the dashboard: a step after a flood of messages falls again when their window ends, a slope does not.

      **Repair**: raise `memorystore.memory_size_gb` and `terraform apply`: a message needs some 272 bytes for its window. Or declare shorter windows, but not shorter than the retention.

      **Runbook**: ${var.alerts.runbooks}/store-full.md
    TEXT
  }

  depends_on = [google_project_service.api]
}
