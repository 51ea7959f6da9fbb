# Run by ./check, twice, and not with the others: it creates the guarded resources, then removes a subscription, then all of them. With
# the guard, the second run must fail and name the subscription; with unguarded_override.tf.json beside the module's files all must pass.

mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project           = "my-project"
  region            = "europe-west1"
  image             = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate:1"
  store             = "firestore"
  topics            = { orders = {}, counts = { schema = { name = "count", type = "AVRO", encoding = "JSON", definition = "{}" } } }
  subscriptions     = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "shared-dead" } }
  eventarc_triggers = { two = { topic = "orders", purpose = "Two.", dead_letter_topic = "shared-dead" } }
  schedules         = {}
  # No wait, since nothing is created at Google.
  rights_wait_seconds = 0
  network             = { network = "projects/net/global/networks/main", subnetwork = "projects/net/regions/europe-west1/subnetworks/run" }
}

run "all_is_made" {}

run "a_subscription_is_taken_away" {
  variables {
    subscriptions = {}
  }
}

run "all_is_taken_away" {
  variables {
    topics            = {}
    subscriptions     = {}
    eventarc_triggers = {}
    store             = "memorystore"
  }
}
