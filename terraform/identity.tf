# Service accounts and their rights. Each right is granted on a single resource. A comment marks those that Google has only for a whole project.

data "google_project" "project" {
  project_id = var.project
}

locals {
  # Google's service account for Pub/Sub in this project.
  pubsub_agent    = "serviceAccount:service-${data.google_project.project.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  scheduler_agent = "serviceAccount:service-${data.google_project.project.number}@gcp-sa-cloudscheduler.iam.gserviceaccount.com"

  # The declared push accounts besides the one of this stack.
  declared_push_accounts = toset(compact([
    for declared in concat(values(var.subscriptions), values(var.eventarc_triggers)) : declared.service_account_email
  ]))

  # By names that are known while planning. The push account's e-mail is not.
  event_receivers = merge(
    { for trigger in values(var.eventarc_triggers) : "push" => google_service_account.push.member... if trigger.service_account_email == null },
    { for trigger in values(var.eventarc_triggers) : trigger.service_account_email => "serviceAccount:${trigger.service_account_email}"... if trigger.service_account_email != null },
  )
}

# The account of push tokens. Its only right is to call the service.
resource "google_service_account" "push" {
  project      = var.project
  account_id   = "${var.name}-push"
  display_name = "Pushes to ${var.name}"
  description  = "Pub/Sub's tokens for ${var.name} are this account's."

  depends_on = [google_project_service.api]
}

# The account of the service. Its logs need no role, since Cloud Run collects them.
resource "google_service_account" "service" {
  project      = var.project
  account_id   = "${var.name}-service"
  display_name = "Service ${var.name}"
  description  = "The Cloud Run service ${var.name} runs as this account."

  depends_on = [google_project_service.api]
}

# Pushing

resource "google_service_account_iam_member" "agent_token_creator" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

resource "google_service_account_iam_member" "declared_token_creator" {
  for_each = local.declared_push_accounts

  service_account_id = "projects/-/serviceAccounts/${each.key}"
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent

  depends_on = [google_project_service.api]
}

# Also while the IAM check is disabled, so that it can be enabled without an interruption.
resource "google_cloud_run_v2_service_iam_member" "push_invoker" {
  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.service.name
  role     = "roles/run.invoker"
  member   = google_service_account.push.member
}

resource "google_cloud_run_v2_service_iam_member" "declared_push_invoker" {
  for_each = local.declared_push_accounts

  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.service.name
  role     = "roles/run.invoker"
  member   = "serviceAccount:${each.key}"
}

# Eventarc has this role for a whole project only. It permits to receive events, and to read or change nothing.
resource "google_project_iam_member" "event_receiver" {
  for_each = local.event_receivers

  project = var.project
  role    = "roles/eventarc.eventReceiver"
  member  = each.value[0]
}

# Dead letters

# Pub/Sub forwards a message after its last delivery attempt …
resource "google_pubsub_topic_iam_member" "agent_dead_letter" {
  for_each = local.forwarded_dead_letter_topics

  project = var.project
  topic   = google_pubsub_topic.dead_letter[each.key].name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

# … and acknowledges it in its subscription. Without both rights the message is redelivered until its retention expires.
resource "google_pubsub_subscription_iam_member" "agent_source" {
  for_each = var.subscriptions

  project      = var.project
  subscription = google_pubsub_subscription.subscription[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent

  lifecycle {
    # A replaced subscription loses its rights, but keeps its name. Without this, only the next plan would notice.
    replace_triggered_by = [
      google_pubsub_subscription.subscription[each.key].enable_message_ordering,
      google_pubsub_subscription.subscription[each.key].filter,
      google_pubsub_subscription.subscription[each.key].topic,
    ]
  }
}

# The service publishes messages that can never succeed.
resource "google_pubsub_topic_iam_member" "service_dead_letter" {
  for_each = local.dead_letter_topics

  project = var.project
  topic   = google_pubsub_topic.dead_letter[each.key].name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.service.member
}

# Operating

# Dead letters are pulled and acknowledged.
resource "google_pubsub_subscription_iam_member" "operator_dead_letter" {
  for_each = { for pair in setproduct(local.dead_letter_topics, var.operators) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.dead_letter[each.value[0]].name
  role         = "roles/pubsub.subscriber"
  member       = each.value[1]
}

# Subscriptions are read, paused and resumed. A replaced subscription loses this right, and the next apply gives it again.
resource "google_pubsub_subscription_iam_member" "operator" {
  for_each = { for pair in setproduct(keys(var.subscriptions), var.operators) : join(" ", pair) => pair }

  project      = var.project
  subscription = google_pubsub_subscription.subscription[each.value[0]].name
  role         = "roles/pubsub.editor"
  member       = each.value[1]
}

# A replay is pushed with a token of the push account, and a resumed subscription gets that account again.
resource "google_service_account_iam_member" "operator" {
  for_each = { for triple in setproduct(concat(["push"], tolist(local.declared_push_accounts)), ["iam.serviceAccountOpenIdTokenCreator", "iam.serviceAccountUser"], var.operators) : join(" ", triple) => triple }

  service_account_id = each.value[0] == "push" ? google_service_account.push.name : "projects/-/serviceAccounts/${each.value[0]}"
  role               = "roles/${each.value[1]}"
  member             = each.value[2]

  depends_on = [google_project_service.api]
}

# Publishing

resource "google_pubsub_topic_iam_member" "service_publisher" {
  for_each = var.publishes_to

  # A full name includes its project.
  project = startswith(each.key, "projects/") ? split("/", each.key)[1] : var.project
  topic   = startswith(each.key, "projects/") ? split("/", each.key)[3] : google_pubsub_topic.topic[each.key].name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.service.member
}

resource "google_pubsub_topic_iam_member" "scheduler_agent" {
  for_each = toset([for schedule in values(var.schedules) : schedule.topic])

  project = var.project
  topic   = google_pubsub_topic.topic[each.key].name
  role    = "roles/pubsub.publisher"
  member  = local.scheduler_agent
}

# The store

# Firestore has roles for a whole project only. The condition restricts this one to the database.
resource "google_project_iam_member" "service_store" {
  count = var.store == "firestore" ? 1 : 0

  project = var.project
  role    = "roles/datastore.user"
  member  = google_service_account.service.member

  condition {
    title       = "only-${replace(var.firestore.database, "/[()]/", "")}"
    description = "Only the database with the records of ${var.name}."
    expression  = "resource.name == \"projects/${var.project}/databases/${var.firestore.database}\""
  }
}

# Secrets

resource "google_secret_manager_secret_iam_member" "service_secret" {
  for_each = toset([for reference in values(var.secret_environment) : reference.secret])

  project   = var.project
  secret_id = each.key
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service.member

  depends_on = [google_project_service.api]
}

resource "google_secret_manager_secret_iam_member" "service_store_secret" {
  for_each = google_secret_manager_secret.store

  project   = var.project
  secret_id = each.value.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service.member
}

# Google: a new right takes effect "typically" after 2 minutes, "potentially" after 7 or more. A service whose first revision is not
# ready in time needs a repair (README.md, "If the first apply fails"), so it is created some minutes after its rights.
resource "terraform_data" "rights" {
  # A new right restarts the wait. A new duration does not.
  triggers_replace = [
    google_service_account.service.unique_id,
    google_project_iam_member.service_store[*].id,
    [for right in google_secret_manager_secret_iam_member.service_secret : right.id],
    [for right in google_secret_manager_secret_iam_member.service_store_secret : right.id],
  ]
  input = { seconds = var.rights_wait_seconds }

  provisioner "local-exec" {
    command = "sleep ${self.input.seconds}"
  }
}

# Deploying

locals {
  deployer_rights = { for pair in setproduct(["push", "service"], var.deployers) : "${pair[0]} ${pair[1]}" => { account = pair[0], member = pair[1] } }
}

# Deployers assign the accounts to the service and to the subscriptions.
resource "google_service_account_iam_member" "deployer" {
  for_each = local.deployer_rights

  service_account_id = each.value.account == "push" ? google_service_account.push.name : google_service_account.service.name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value.member
}
