# The accounts and their rights. Every subscription has all rights that it needs, and no account has a further one.

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
    target = google_service_account.service
    values = {
      name   = "projects/my-project/serviceAccounts/pushgate-service@my-project.iam.gserviceaccount.com"
      email  = "pushgate-service@my-project.iam.gserviceaccount.com"
      member = "serviceAccount:pushgate-service@my-project.iam.gserviceaccount.com"
    }
  }
}

variables {
  project = "my-project"
  region  = "europe-west1"
  image   = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate:1"
  store   = "firestore"
  topics  = { orders = {}, uploads = {} }
  subscriptions = {
    one   = { topic = "orders", purpose = "One.", dead_letter_topic = "shared-dead" }
    two   = { topic = "uploads", purpose = "Two.", dead_letter_topic = "shared-dead" }
    three = { topic = "uploads", purpose = "Three.", dead_letter_topic = "own-dead", service_account_email = "other@my-project.iam.gserviceaccount.com" }
  }
  eventarc_triggers = {}
  schedules         = {}
}

run "every_subscription_can_be_pushed_and_dead_lettered" {
  command = plan

  assert {
    condition     = google_service_account_iam_member.agent_token_creator.role == "roles/iam.serviceAccountTokenCreator" && google_service_account_iam_member.agent_token_creator.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    error_message = "Pub/Sub's agent makes tokens of the push account."
  }
  assert {
    condition     = google_service_account_iam_member.agent_token_creator.service_account_id == "projects/my-project/serviceAccounts/pushgate-push@my-project.iam.gserviceaccount.com"
    error_message = "Pub/Sub's agent makes tokens of the push account only, not of the service's."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.push_invoker.role == "roles/run.invoker" && google_cloud_run_v2_service_iam_member.push_invoker.member == "serviceAccount:pushgate-push@my-project.iam.gserviceaccount.com" && google_cloud_run_v2_service_iam_member.push_invoker.name == "pushgate"
    error_message = "The push account calls the service."
  }
  assert {
    condition     = keys(google_service_account_iam_member.declared_token_creator) == ["other@my-project.iam.gserviceaccount.com"] && google_service_account_iam_member.declared_token_creator["other@my-project.iam.gserviceaccount.com"].service_account_id == "projects/-/serviceAccounts/other@my-project.iam.gserviceaccount.com"
    error_message = "Pub/Sub's agent makes tokens of a declared account, too."
  }
  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.declared_push_invoker) == ["other@my-project.iam.gserviceaccount.com"] && google_cloud_run_v2_service_iam_member.declared_push_invoker["other@my-project.iam.gserviceaccount.com"].member == "serviceAccount:other@my-project.iam.gserviceaccount.com"
    error_message = "A declared account calls the service, too."
  }
  assert {
    condition     = toset(keys(google_pubsub_subscription_iam_member.agent_source)) == toset(keys(var.subscriptions))
    error_message = "The agent acks in every source subscription."
  }
  assert {
    condition = alltrue([
      for id, right in google_pubsub_subscription_iam_member.agent_source :
      right.subscription == id && right.role == "roles/pubsub.subscriber" && right.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    ])
    error_message = "The agent is a subscriber of each source subscription."
  }
  assert {
    condition     = toset(keys(google_pubsub_topic_iam_member.agent_dead_letter)) == toset(["shared-dead", "own-dead"]) && toset(keys(google_pubsub_topic_iam_member.service_dead_letter)) == toset(["shared-dead", "own-dead"])
    error_message = "The agent and the service publish to every dead-letter topic, also if subscriptions share it."
  }
  assert {
    condition = alltrue([
      for topic, right in google_pubsub_topic_iam_member.agent_dead_letter :
      right.topic == topic && right.role == "roles/pubsub.publisher" && right.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    ])
    error_message = "The agent is a publisher of each dead-letter topic."
  }
  assert {
    condition = alltrue([
      for topic, right in google_pubsub_topic_iam_member.service_dead_letter :
      right.topic == topic && right.role == "roles/pubsub.publisher" && right.member == "serviceAccount:pushgate-service@my-project.iam.gserviceaccount.com"
    ])
    error_message = "The service's account is a publisher of each dead-letter topic."
  }
  assert {
    condition     = length(google_pubsub_topic_iam_member.service_publisher) == 0 && length(google_secret_manager_secret_iam_member.service_secret) == 0 && length(google_service_account_iam_member.deployer) == 0 && length(google_project_iam_member.event_receiver) == 0
    error_message = "No account has a right that is not declared."
  }
  assert {
    condition     = length(google_project_iam_member.service_store) == 1 && google_project_iam_member.service_store[0].role == "roles/datastore.user" && google_project_iam_member.service_store[0].condition[0].expression == "resource.name == \"projects/my-project/databases/pushgate\""
    error_message = "The service's account may use its own database only."
  }
  assert {
    condition     = google_service_account.push.account_id == "pushgate-push" && google_service_account.service.account_id == "pushgate-service" && google_cloud_run_v2_service.service.template[0].service_account == "pushgate-service@my-project.iam.gserviceaccount.com"
    error_message = "The service does not run as the account that pushes."
  }
}

run "what_is_asked_for_is_given_on_the_one_resource" {
  command = plan
  variables {
    publishes_to       = ["orders", "projects/their-project/topics/invoices"]
    secret_environment = { API_KEY = { secret = "api-key", version = "3" }, OTHER_KEY = { secret = "api-key" } }
    deployers          = ["serviceAccount:build@my-project.iam.gserviceaccount.com"]
  }

  assert {
    condition     = google_pubsub_topic_iam_member.service_publisher["orders"].project == "my-project" && google_pubsub_topic_iam_member.service_publisher["orders"].topic == "orders" && google_pubsub_topic_iam_member.service_publisher["orders"].role == "roles/pubsub.publisher"
    error_message = "The service may publish to a topic of this stack."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.service_publisher["projects/their-project/topics/invoices"].project == "their-project" && google_pubsub_topic_iam_member.service_publisher["projects/their-project/topics/invoices"].topic == "invoices"
    error_message = "The service may publish to a topic of another project."
  }
  assert {
    condition     = length(google_pubsub_topic_iam_member.service_publisher) == 2
    error_message = "The service may publish to no other topic."
  }
  assert {
    condition     = keys(google_secret_manager_secret_iam_member.service_secret) == ["api-key"] && google_secret_manager_secret_iam_member.service_secret["api-key"].role == "roles/secretmanager.secretAccessor" && google_secret_manager_secret_iam_member.service_secret["api-key"].member == "serviceAccount:pushgate-service@my-project.iam.gserviceaccount.com"
    error_message = "The service may read each of its secrets, granted once."
  }
  assert {
    condition = toset([for right in values(google_service_account_iam_member.deployer) : "${right.service_account_id} ${right.role} ${right.member}"]) == toset([
      for account in ["push", "service"] : "projects/my-project/serviceAccounts/pushgate-${account}@my-project.iam.gserviceaccount.com roles/iam.serviceAccountUser serviceAccount:build@my-project.iam.gserviceaccount.com"
    ])
    error_message = "A deployer acts as both accounts, and as no others."
  }
}

run "operators_can_repair_and_no_more" {
  command = plan

  variables {
    operators = ["group:oncall@shop.example"]
  }

  assert {
    condition = toset([for right in concat(values(google_pubsub_subscription_iam_member.operator_dead_letter), values(google_pubsub_subscription_iam_member.operator)) : "${right.subscription} ${right.role} ${right.member}"]) == toset([
      "own-dead roles/pubsub.subscriber group:oncall@shop.example",
      "shared-dead roles/pubsub.subscriber group:oncall@shop.example",
      "one roles/pubsub.editor group:oncall@shop.example",
      "two roles/pubsub.editor group:oncall@shop.example",
      "three roles/pubsub.editor group:oncall@shop.example",
    ])
    error_message = "An operator takes dead letters, and pauses the subscriptions of this stack."
  }
  assert {
    condition = toset([for right in google_service_account_iam_member.operator : "${right.service_account_id} ${right.role} ${right.member}"]) == toset([
      for pair in setproduct(["projects/my-project/serviceAccounts/pushgate-push@my-project.iam.gserviceaccount.com", "projects/-/serviceAccounts/other@my-project.iam.gserviceaccount.com"], ["OpenIdTokenCreator", "User"]) : "${pair[0]} roles/iam.serviceAccount${pair[1]} group:oncall@shop.example"
    ])
    error_message = "An operator pushes as the push accounts, and as no others."
  }
  assert {
    condition     = local.environment["PUSHGATE_OPERATORS"] == "pushgate-push@my-project.iam.gserviceaccount.com,other@my-project.iam.gserviceaccount.com"
    error_message = "The service answers to the tokens of these accounts."
  }
}

run "nobody_operates_by_default" {
  command = plan

  assert {
    condition     = length(google_pubsub_subscription_iam_member.operator) + length(google_pubsub_subscription_iam_member.operator_dead_letter) + length(google_service_account_iam_member.operator) == 0
    error_message = "Without operators nobody has their rights."
  }
  assert {
    condition     = !contains(keys(local.environment), "PUSHGATE_OPERATORS")
    error_message = "Without operators the service has no interface for them."
  }
}
