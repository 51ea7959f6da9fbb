# Subscribers whose subscription is Eventarc's.

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
  override_resource {
    target = google_pubsub_topic.topic["orders"]
    values = { id = "projects/my-project/topics/orders" }
  }
}

variables {
  project       = "my-project"
  region        = "europe-west1"
  image         = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate:1"
  store         = "firestore"
  topics        = { orders = {} }
  subscriptions = {}
  eventarc_triggers = {
    audit-copy = {
      topic                 = "orders", purpose = "Copies orders for the auditors.", owner = "audit@example.com", dead_letter_topic = "audit-copy-dead-letter"
      alerts                = { oldest_unacked_age_seconds = 1800, undelivered_messages = null, failed_push_share = 0.5 }
      max_delivery_attempts = 5
    }
  }
  schedules = {}
}

run "a_trigger_leads_from_the_topic_to_the_subscriber" {
  command = plan

  assert {
    condition     = keys(google_eventarc_trigger.trigger) == ["audit-copy"] && google_eventarc_trigger.trigger["audit-copy"].location == "europe-west1"
    error_message = "There is one trigger, in the region of the service."
  }
  assert {
    condition     = one(google_eventarc_trigger.trigger["audit-copy"].matching_criteria[*].value) == "google.cloud.pubsub.topic.v1.messagePublished"
    error_message = "The trigger selects published messages only."
  }
  assert {
    condition     = google_eventarc_trigger.trigger["audit-copy"].transport[0].pubsub[0].topic == "projects/my-project/topics/orders"
    error_message = "The trigger uses the declared topic, not one that Eventarc makes."
  }
  assert {
    condition     = google_eventarc_trigger.trigger["audit-copy"].destination[0].cloud_run_service[0].path == "/push/audit-copy" && google_eventarc_trigger.trigger["audit-copy"].destination[0].cloud_run_service[0].service == "pushgate"
    error_message = "The path names the subscriber: Eventarc's subscription has another name."
  }
  assert {
    condition     = google_eventarc_trigger.trigger["audit-copy"].service_account == "pushgate-push@my-project.iam.gserviceaccount.com"
    error_message = "The trigger uses the push account."
  }

  assert {
    condition     = length(google_pubsub_subscription.subscription) == 0 && keys(google_pubsub_topic.dead_letter) == ["audit-copy-dead-letter"] && keys(google_pubsub_subscription.dead_letter) == ["audit-copy-dead-letter"]
    error_message = "The stack has no subscription but that of the dead letters."
  }
  assert {
    condition     = keys(google_pubsub_topic_iam_member.service_dead_letter) == ["audit-copy-dead-letter"] && length(google_pubsub_topic_iam_member.agent_dead_letter) == 0
    error_message = "The service may publish dead letters, and Pub/Sub may not."
  }

  assert {
    condition     = keys(google_project_iam_member.event_receiver) == ["push"] && google_project_iam_member.event_receiver["push"].role == "roles/eventarc.eventReceiver" && google_project_iam_member.event_receiver["push"].member == "serviceAccount:pushgate-push@my-project.iam.gserviceaccount.com"
    error_message = "The role of an event receiver is granted once."
  }
  assert {
    condition     = contains(keys(google_project_service.api), "eventarc.googleapis.com")
    error_message = "The API is enabled."
  }

  assert {
    condition     = local.environment["PUSHGATE_AUDIENCE"] == "https://pushgate.europe-west1.my-project.internal,https://pushgate-123456789012.europe-west1.run.app"
    error_message = "audiences: ${local.environment["PUSHGATE_AUDIENCE"]}"
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.waiting["audit-copy"].conditions[0].condition_threshold[0].filter, "resource.labels.subscription_id = starts_with(\"eventarc-europe-west1-audit-copy-sub-\")")
    error_message = "Alerts select Eventarc's subscription by its prefix."
  }
  assert {
    condition     = length(google_monitoring_alert_policy.lost["audit-copy"].conditions) == 1 && strcontains(google_monitoring_alert_policy.lost["audit-copy"].conditions[0].condition_threshold[0].filter, "subscription_id = \"audit-copy-dead-letter\"")
    error_message = "There is no alert on its retention, which is not known, nor on Pub/Sub's dead letters."
  }
}

run "a_declared_account_receives_instead" {
  command = plan
  variables {
    eventarc_triggers = {
      one = { topic = "orders", purpose = "One.", dead_letter_topic = "dead", service_account_email = "other@my-project.iam.gserviceaccount.com", audience = "https://theirs.example" }
      two = { topic = "orders", purpose = "Two.", dead_letter_topic = "dead", service_account_email = "other@my-project.iam.gserviceaccount.com" }
    }
  }

  assert {
    condition     = keys(google_project_iam_member.event_receiver) == ["other@my-project.iam.gserviceaccount.com"] && google_project_iam_member.event_receiver["other@my-project.iam.gserviceaccount.com"].member == "serviceAccount:other@my-project.iam.gserviceaccount.com"
    error_message = "The trigger uses the declared account, not the stack's."
  }
  assert {
    condition     = google_eventarc_trigger.trigger["one"].service_account == "other@my-project.iam.gserviceaccount.com" && keys(google_cloud_run_v2_service_iam_member.declared_push_invoker) == ["other@my-project.iam.gserviceaccount.com"]
    error_message = "The declared account may call the service."
  }
  assert {
    condition     = contains(google_cloud_run_v2_service.service.custom_audiences, "https://theirs.example")
    error_message = "Cloud Run's check accepts a declared audience."
  }
}

run "without_triggers_nothing_of_eventarc_is_there" {
  command = plan
  variables {
    eventarc_triggers = {}
  }

  assert {
    condition     = length(google_eventarc_trigger.trigger) == 0 && length(google_project_iam_member.event_receiver) == 0 && !contains(keys(google_project_service.api), "eventarc.googleapis.com")
    error_message = "There are no triggers, no rights, and no API."
  }
}
