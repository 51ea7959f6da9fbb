# The declarations as Pub/Sub receives them.

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
    target = google_pubsub_topic.topic["counts"]
    values = { id = "projects/my-project/topics/counts" }
  }
  override_resource {
    target = google_pubsub_topic.dead_letter["shared-dead"]
    values = { id = "projects/my-project/topics/shared-dead" }
  }
  override_resource {
    target = google_pubsub_schema.schema["count"]
    values = { id = "projects/my-project/schemas/count" }
  }
}

variables {
  project = "my-project"
  region  = "europe-west1"
  image   = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate:1"
  store   = "firestore"
  topics = {
    orders      = { schema = null }
    counts      = { schema = { name = "count", type = "AVRO", encoding = "JSON", definition = "{}" } }
    more-counts = { schema = { name = "count", type = "AVRO", encoding = "BINARY", definition = "{}" } }
  }
  subscriptions = {
    plain = { topic = "orders", purpose = "Is as it is by default.", dead_letter_topic = "plain-dead" }
    full = {
      topic                      = "counts"
      purpose                    = "Has everything."
      owner                      = "stock@example.com"
      ack_deadline_seconds       = 120
      minimum_backoff            = "5s"
      maximum_backoff            = "300.5s"
      max_delivery_attempts      = 10
      dead_letter_topic          = "shared-dead"
      message_retention_duration = "2678400s"
      enable_message_ordering    = true
      filter                     = "attributes.kind = \"nightly\""
      unwrapped                  = true
      audience                   = "https://elsewhere.example"
      service_account_email      = "other@my-project.iam.gserviceaccount.com"
      expected                   = { messages_per_second = 5, latency_seconds = 2 }
      alerts                     = { oldest_unacked_age_seconds = 1800, undelivered_messages = null, failed_push_share = 0.5 }
    }
    another = { topic = "orders", purpose = "Shares its dead letters.", dead_letter_topic = "shared-dead" }
  }
  eventarc_triggers = {}
  schedules         = {}
}

run "what_is_declared_is_what_pub_sub_gets" {
  command = plan

  assert {
    condition     = toset(keys(google_pubsub_subscription.subscription)) == toset(["plain", "full", "another"])
    error_message = "One subscription for each that is declared."
  }
  assert {
    condition     = google_pubsub_subscription.subscription["plain"].name == "plain" && google_pubsub_subscription.subscription["plain"].project == "my-project"
    error_message = "A subscription has its key's name, and is in the project."
  }
  assert {
    condition     = google_pubsub_subscription.subscription["plain"].push_config[0].push_endpoint == "https://pushgate-abcdef-ew.a.run.app/push/plain"
    error_message = "Its endpoint is the service's URL and /push/ID."
  }
  assert {
    condition     = google_pubsub_subscription.subscription["plain"].push_config[0].oidc_token[0].service_account_email == "pushgate-push@my-project.iam.gserviceaccount.com"
    error_message = "The token is for this stack's push account."
  }
  assert {
    condition     = google_pubsub_subscription.subscription["plain"].push_config[0].oidc_token[0].audience == "https://pushgate.europe-west1.my-project.internal"
    error_message = "The audience is explicit, and this stack's."
  }
  assert {
    condition     = length(google_pubsub_subscription.subscription["plain"].push_config[0].no_wrapper) == 0
    error_message = "Pushes are wrapped."
  }
  assert {
    condition = (
      google_pubsub_subscription.subscription["plain"].ack_deadline_seconds == 60 &&
      google_pubsub_subscription.subscription["plain"].retry_policy[0].minimum_backoff == "10s" &&
      google_pubsub_subscription.subscription["plain"].retry_policy[0].maximum_backoff == "600s" &&
      google_pubsub_subscription.subscription["plain"].dead_letter_policy[0].max_delivery_attempts == 25 &&
      google_pubsub_subscription.subscription["plain"].message_retention_duration == "604800s" &&
      google_pubsub_subscription.subscription["plain"].enable_message_ordering == false &&
      var.subscriptions["plain"].filter == null
    )
    error_message = "The defaults are 60 s, 10 to 600 s, 5 attempts and 7 days, neither ordered nor filtered."
  }
  assert {
    condition     = alltrue([for subscription in values(google_pubsub_subscription.subscription) : subscription.expiration_policy[0].ttl == ""])
    error_message = "No subscription expires."
  }

  assert {
    condition     = google_pubsub_subscription.subscription["full"].topic == "projects/my-project/topics/counts"
    error_message = "topic"
  }
  assert {
    condition     = google_pubsub_subscription.subscription["full"].ack_deadline_seconds == 120
    error_message = "ack_deadline_seconds"
  }
  assert {
    condition     = google_pubsub_subscription.subscription["full"].retry_policy[0].minimum_backoff == "5s" && google_pubsub_subscription.subscription["full"].retry_policy[0].maximum_backoff == "300.5s"
    error_message = "minimum_backoff and maximum_backoff"
  }
  assert {
    condition     = google_pubsub_subscription.subscription["full"].dead_letter_policy[0].max_delivery_attempts == 10 && google_pubsub_subscription.subscription["full"].dead_letter_policy[0].dead_letter_topic == "projects/my-project/topics/shared-dead"
    error_message = "max_delivery_attempts and dead_letter_topic"
  }
  assert {
    condition     = google_pubsub_subscription.subscription["full"].message_retention_duration == "2678400s"
    error_message = "message_retention_duration"
  }
  assert {
    condition     = google_pubsub_subscription.subscription["full"].enable_message_ordering && google_pubsub_subscription.subscription["full"].filter == "attributes.kind = \"nightly\""
    error_message = "enable_message_ordering and filter"
  }
  assert {
    condition     = google_pubsub_subscription.subscription["full"].push_config[0].no_wrapper[0].write_metadata
    error_message = "Pushes are unwrapped with metadata, without which messages have no id."
  }
  assert {
    condition     = google_pubsub_subscription.subscription["full"].push_config[0].oidc_token[0].audience == "https://elsewhere.example" && google_pubsub_subscription.subscription["full"].push_config[0].oidc_token[0].service_account_email == "other@my-project.iam.gserviceaccount.com"
    error_message = "audience and service_account_email"
  }

  assert {
    condition     = toset(keys(google_pubsub_topic.dead_letter)) == toset(["plain-dead", "shared-dead"]) && toset(keys(google_pubsub_subscription.dead_letter)) == toset(["plain-dead", "shared-dead"])
    error_message = "Each dead-letter name has one topic and one subscription, also if subscriptions share it."
  }
  assert {
    condition = alltrue([
      for name, subscription in google_pubsub_subscription.dead_letter :
      subscription.name == name && subscription.message_retention_duration == "2678400s" && subscription.expiration_policy[0].ttl == "" && length(subscription.push_config) == 0
    ])
    error_message = "The dead-letter subscription has the topic's name, keeps messages for 31 days, never expires, and has no endpoint."
  }
  assert {
    condition     = google_pubsub_subscription.dead_letter["shared-dead"].topic == "projects/my-project/topics/shared-dead"
    error_message = "The dead-letter subscription is subscribed to its own topic."
  }

  assert {
    condition     = toset(keys(google_pubsub_topic.topic)) == toset(["orders", "counts", "more-counts"])
    error_message = "One topic for each that is declared."
  }
  assert {
    condition     = keys(google_pubsub_schema.schema) == ["count"] && google_pubsub_schema.schema["count"].type == "AVRO" && google_pubsub_schema.schema["count"].definition == "{}"
    error_message = "One schema for each name."
  }
  assert {
    condition     = length(google_pubsub_topic.topic["orders"].schema_settings) == 0
    error_message = "A topic without a schema accepts every message."
  }
  assert {
    condition = (
      google_pubsub_topic.topic["counts"].schema_settings[0].schema == "projects/my-project/schemas/count" && google_pubsub_topic.topic["counts"].schema_settings[0].encoding == "JSON" &&
      google_pubsub_topic.topic["more-counts"].schema_settings[0].encoding == "BINARY"
    )
    error_message = "Each topic has its own encoding of it."
  }
}

run "topics_keep_and_store_messages_as_asked" {
  command = plan

  variables {
    topic_retention         = "86400s"
    message_storage_regions = ["europe-west1"]
    labels                  = { team = "stock" }
  }

  assert {
    condition     = google_pubsub_topic.topic["orders"].message_retention_duration == "86400s"
    error_message = "Topics have the declared retention."
  }
  assert {
    condition     = alltrue([for topic in concat(values(google_pubsub_topic.topic), values(google_pubsub_topic.dead_letter)) : one(topic.message_storage_policy[0].allowed_persistence_regions) == "europe-west1"])
    error_message = "The messages of all topics, also of those for dead letters, are stored in the declared region only."
  }
  assert {
    condition     = google_pubsub_topic.topic["orders"].labels["team"] == "stock" && google_pubsub_subscription.subscription["plain"].labels["team"] == "stock"
    error_message = "Every resource has the labels."
  }
}
