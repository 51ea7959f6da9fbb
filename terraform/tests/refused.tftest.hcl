# Values that Google would reject, or whose effect would show only later. Each run has one fault, since a variable reports only its first.
# tests/variables holds the variables alone (by symbolic links), so that no provider is started for each of these runs.

variables {
  project           = "my-project"
  region            = "europe-west1"
  image             = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate:1"
  store             = "firestore"
  topics            = { orders = {} }
  subscriptions     = {}
  eventarc_triggers = {}
  schedules         = {}
}

run "what_is_just_within_the_limits_is_taken" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = {
      least = { topic = "orders", purpose = "Least.", dead_letter_topic = "abc", ack_deadline_seconds = 10, minimum_backoff = "0s", maximum_backoff = "0s", max_delivery_attempts = 5, message_retention_duration = "600s", alerts = { oldest_unacked_age_seconds = 1800, undelivered_messages = 0, failed_push_share = 0.01 } }
      most  = { topic = "orders", purpose = "Most.", dead_letter_topic = "most-dead", ack_deadline_seconds = 600, minimum_backoff = "600s", maximum_backoff = "600s", max_delivery_attempts = 100, message_retention_duration = "2678400s", filter = join("", [for i in range(128) : "ä"]), alerts = { failed_push_share = 1 } }
    }
    schedules = { Most_1 = { topic = "orders", purpose = "Most.", schedule = "*/5 8-18 1,15 JAN MON", time_zone = "America/Argentina/Buenos_Aires", data_base64 = "//79" } }
  }
}

run "a_wrong_name_of_a_topic_or_of_the_place" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    project                 = "My Project"
    region                  = "europe"
    name                    = "Pushgate"
    topics                  = { google-topic = {} }
    labels                  = { Team = "a" }
    environment             = { "A-B" = "1" }
    operators               = ["oncall@shop.example"]
    deployers               = ["build@my-project.iam.gserviceaccount.com"]
    notification_channels   = ["ops@example.com"]
    message_storage_regions = ["europe"]
    firestore               = { database = "Pushgate" }
  }
  expect_failures = [var.project, var.region, var.name, var.topics, var.labels, var.environment, var.deployers, var.operators, var.notification_channels, var.message_storage_regions, var.firestore]
}

run "a_kind_that_does_not_exist" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    store                 = "memory"
    authentication        = "none"
    ingress               = "all"
    execution_environment = "GEN2"
    startup_probe_path    = "/healthz"
    topics                = { orders = { schema = { name = "order", type = "JSON", encoding = "JSON", definition = "{}" } } }
    memorystore           = { redis_version = "VALKEY_8_0" }
    image                 = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate:latest"
    cpu                   = 0.5
  }
  expect_failures = [var.store, var.authentication, var.ingress, var.execution_environment, var.startup_probe_path, var.topics, var.memorystore, var.image, var.cpu]
}

run "too_little_or_a_schema_without_a_definition" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    topics               = { orders = { schema = { name = "order", type = "AVRO", encoding = "JSON", definition = "" } } }
    concurrency          = 0
    min_instances        = -1
    memory_mib           = 256
    timeout_seconds      = 9
    rights_wait_seconds  = -1
    memorystore          = { memory_size_gb = 0 }
    topic_retention      = "599s"
    image                = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate"
    audience             = ""
    additional_audiences = [""]
  }
  expect_failures = [var.topics, var.concurrency, var.min_instances, var.memory_mib, var.timeout_seconds, var.rights_wait_seconds, var.memorystore, var.topic_retention, var.image, var.audience, var.additional_audiences]
}

run "too_much_or_a_schema_that_two_topics_define_differently" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    topics          = { orders = { schema = { name = "order", type = "AVRO", encoding = "JSON", definition = "{}" } }, counts = { schema = { name = "order", type = "AVRO", encoding = "JSON", definition = "[]" } } }
    concurrency     = 1001
    max_instances   = 0
    memory_mib      = 40000
    timeout_seconds = 3601
    memorystore     = { memory_size_gb = 301 }
    topic_retention = "2678401s"
    name            = "a-name-of-23-characters"
    audience        = "https://a.example,https://b.example"
  }
  expect_failures = [var.topics, var.concurrency, var.max_instances, var.memory_mib, var.timeout_seconds, var.memorystore, var.topic_retention, var.name, var.audience]
}

run "a_wrong_name_of_a_subscription_or_schedule" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions      = { "1st" = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead" } }
    schedules          = { "a b" = { topic = "orders", purpose = "One.", schedule = "0 2 * * *", time_zone = "UTC", data_base64 = "eA==" } }
    publishes_to       = ["nowhere"]
    secret_environment = { KEY = { secret = "projects/p/secrets/s" } }
    network            = { network = "main", subnetwork = "run" }
  }
  expect_failures = [var.subscriptions, var.schedules, var.publishes_to, var.secret_environment, var.network]
}

run "a_topic_that_is_not_there" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "nowhere", purpose = "One.", dead_letter_topic = "one-dead" } }
    schedules     = { one = { topic = "nowhere", purpose = "One.", schedule = "0 2 * * *", time_zone = "UTC", data_base64 = "eA==" } }
  }
  expect_failures = [var.subscriptions, var.schedules]
}

run "a_purpose_that_says_nothing_or_four_fields_of_cron" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = " ", dead_letter_topic = "one-dead" } }
    schedules     = { one = { topic = "orders", purpose = "One.", schedule = "0 2 * *", time_zone = "UTC", data_base64 = "eA==" } }
  }
  expect_failures = [var.subscriptions, var.schedules]
}

run "an_ack_deadline_below_10_s_or_a_schedule_without_a_time_zone" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", ack_deadline_seconds = 9 } }
    schedules     = { one = { topic = "orders", purpose = "One.", schedule = "0 2 * * *", time_zone = "", data_base64 = "eA==" } }
  }
  expect_failures = [var.subscriptions, var.schedules]
}

run "an_ack_deadline_above_600_s_or_data_that_is_no_base64" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", ack_deadline_seconds = 601 } }
    schedules     = { one = { topic = "orders", purpose = "One.", schedule = "0 2 * * *", time_zone = "UTC", data_base64 = "e" } }
  }
  expect_failures = [var.subscriptions, var.schedules]
}

run "a_minimum_back_off_above_the_maximum_or_a_message_of_nothing" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", minimum_backoff = "20s", maximum_backoff = "10s" } }
    schedules     = { one = { topic = "orders", purpose = "One.", schedule = "0 2 * * *", time_zone = "UTC", data_base64 = "" } }
  }
  expect_failures = [var.subscriptions, var.schedules]
}

run "a_back_off_above_600_s_or_a_minimum_of_instances_above_the_maximum" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", maximum_backoff = "601s" } }
    max_instances = 1
    min_instances = 2
  }
  expect_failures = [var.subscriptions, var.max_instances]
}

run "a_back_off_without_its_unit_or_a_setting_that_is_the_stack_s" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", minimum_backoff = "10" } }
    environment   = { PUSHGATE_AUTHENTICATION = "verify" }
  }
  expect_failures = [var.subscriptions, var.environment]
}

run "too_few_attempts_or_a_secret_that_is_the_stack_s" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions      = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", max_delivery_attempts = 4 } }
    secret_environment = { PUSHGATE_STORE_PASSWORD = { secret = "s" } }
  }
  expect_failures = [var.subscriptions, var.secret_environment]
}

run "too_many_attempts_or_a_variable_twice" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions      = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", max_delivery_attempts = 101 } }
    environment        = { KEY = "a" }
    secret_environment = { KEY = { secret = "s" } }
  }
  expect_failures = [var.subscriptions, var.secret_environment]
}

run "a_retention_below_10_minutes_or_memorystore_without_a_network" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", message_retention_duration = "599s" } }
    store         = "memorystore"
  }
  expect_failures = [var.subscriptions, var.network]
}

run "a_retention_above_31_days" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", message_retention_duration = "2678401s" } }
  }
  expect_failures = [var.subscriptions]
}

run "a_filter_of_257_bytes_in_129_characters" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", filter = "x${join("", [for i in range(128) : "ä"])}" } }
  }
  expect_failures = [var.subscriptions]
}

run "dead_letters_in_a_topic_that_is_declared" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "orders" } }
  }
  expect_failures = [var.subscriptions]
}

run "dead_letters_with_the_name_of_a_subscription" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one" } }
  }
  expect_failures = [var.subscriptions]
}

run "dead_letters_without_a_good_name" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "x" } }
  }
  expect_failures = [var.subscriptions]
}

run "two_audiences_for_one_subscription" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", audience = "a,b" } }
  }
  expect_failures = [var.subscriptions]
}

run "a_person_s_account_for_pushes" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", service_account_email = "ada@example.com" } }
  }
  expect_failures = [var.subscriptions]
}

run "an_expectation_of_nothing" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", expected = { messages_per_second = 0 } } }
  }
  expect_failures = [var.subscriptions]
}

run "an_alert_for_every_message" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", alerts = { oldest_unacked_age_seconds = 0 } } }
  }
  expect_failures = [var.subscriptions]
}

run "an_alert_for_a_negative_number" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", alerts = { undelivered_messages = -1 } } }
  }
  expect_failures = [var.subscriptions]
}

run "an_alert_for_more_than_all" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead", alerts = { failed_push_share = 1.5 } } }
  }
  expect_failures = [var.subscriptions]
}

run "a_wrong_name_of_a_trigger" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    eventarc_triggers = { Upper = { topic = "orders", purpose = "One.", dead_letter_topic = "two-dead" } }
  }
  expect_failures = [var.eventarc_triggers]
}

run "one_id_for_both_kinds" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    subscriptions     = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "one-dead" } }
    eventarc_triggers = { one = { topic = "orders", purpose = "One.", dead_letter_topic = "two-dead" } }
  }
  expect_failures = [var.eventarc_triggers]
}

run "a_trigger_without_a_topic" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    eventarc_triggers = { two = { topic = "nowhere", purpose = "One.", dead_letter_topic = "two-dead" } }
  }
  expect_failures = [var.eventarc_triggers]
}

run "a_trigger_without_a_purpose" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    eventarc_triggers = { two = { topic = "orders", purpose = "", dead_letter_topic = "two-dead" } }
  }
  expect_failures = [var.eventarc_triggers]
}

run "a_trigger_with_an_ack_deadline_above_600_s" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    eventarc_triggers = { two = { topic = "orders", purpose = "One.", dead_letter_topic = "two-dead", ack_deadline_seconds = 601 } }
  }
  expect_failures = [var.eventarc_triggers]
}

run "a_trigger_that_is_unwrapped" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    eventarc_triggers = { two = { topic = "orders", purpose = "One.", dead_letter_topic = "two-dead", unwrapped = true } }
  }
  expect_failures = [var.eventarc_triggers]
}

run "a_trigger_that_is_ordered" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    eventarc_triggers = { two = { topic = "orders", purpose = "One.", dead_letter_topic = "two-dead", enable_message_ordering = true } }
  }
  expect_failures = [var.eventarc_triggers]
}

run "a_trigger_with_a_filter" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    eventarc_triggers = { two = { topic = "orders", purpose = "One.", dead_letter_topic = "two-dead", filter = "attributes:a" } }
  }
  expect_failures = [var.eventarc_triggers]
}

run "a_trigger_with_dead_letters_in_a_topic" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    eventarc_triggers = { two = { topic = "orders", purpose = "One.", dead_letter_topic = "orders" } }
  }
  expect_failures = [var.eventarc_triggers]
}

run "limits_of_alerts_for_a_subscription_that_is_not_declared" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    alerts = { subscriptions = { typo = { undelivered_messages = 5 } } }
  }
  expect_failures = [var.alerts]
}

run "a_share_of_failed_pushes_above_one" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    alerts = { failed_push_share = 50 }
  }
  expect_failures = [var.alerts]
}

run "a_share_of_the_instances_of_zero" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    alerts = { instance_share = 0 }
  }
  expect_failures = [var.alerts]
}

run "an_incident_that_is_closed_too_soon" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    alerts = { auto_close_seconds = 60 }
  }
  expect_failures = [var.alerts]
}
