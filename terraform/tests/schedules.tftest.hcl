# Scheduled messages.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan

  override_resource {
    target = google_pubsub_topic.topic["counts"]
    values = { id = "projects/my-project/topics/counts" }
  }
}

variables {
  project           = "my-project"
  region            = "europe-west1"
  image             = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate:1"
  store             = "firestore"
  topics            = { orders = {}, counts = {} }
  subscriptions     = {}
  eventarc_triggers = {}
  schedules = {
    nightly = { topic = "counts", purpose = "Counts the stock.", schedule = "0 2 * * *", time_zone = "Europe/Berlin", data_base64 = "eyJhIjoxfQ==", attributes = {} }
    hourly  = { topic = "counts", purpose = "Counts a little.", schedule = "0 * * * *", time_zone = "UTC", attributes = { kind = "hourly" } }
  }
}

run "a_schedule_publishes_what_is_declared_and_only_the_agent_may" {
  command = plan

  assert {
    condition     = toset(keys(google_cloud_scheduler_job.schedule)) == toset(["nightly", "hourly"])
    error_message = "One job for each schedule."
  }
  assert {
    condition     = google_cloud_scheduler_job.schedule["nightly"].schedule == "0 2 * * *" && google_cloud_scheduler_job.schedule["nightly"].time_zone == "Europe/Berlin" && google_cloud_scheduler_job.schedule["nightly"].region == "europe-west1"
    error_message = "The job has the declared schedule, time zone and region."
  }
  assert {
    condition     = google_cloud_scheduler_job.schedule["nightly"].pubsub_target[0].topic_name == "projects/my-project/topics/counts"
    error_message = "The job names the topic in full."
  }
  assert {
    condition     = base64decode(google_cloud_scheduler_job.schedule["nightly"].pubsub_target[0].data) == "{\"a\":1}"
    error_message = "The data is base64, encoded once."
  }
  assert {
    condition     = google_cloud_scheduler_job.schedule["hourly"].pubsub_target[0].attributes == tomap({ kind = "hourly" })
    error_message = "Attributes alone are a message, too."
  }

  assert {
    condition     = keys(google_pubsub_topic_iam_member.scheduler_agent) == ["counts"]
    error_message = "The right is granted once, on that topic only."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.scheduler_agent["counts"].role == "roles/pubsub.publisher" && google_pubsub_topic_iam_member.scheduler_agent["counts"].member == "serviceAccount:service-123456789012@gcp-sa-cloudscheduler.iam.gserviceaccount.com"
    error_message = "The agent of this project is a publisher."
  }
  assert {
    condition     = contains(keys(google_project_service.api), "cloudscheduler.googleapis.com")
    error_message = "The API is enabled."
  }
}

run "without_schedules_nothing_of_the_scheduler_is_there" {
  command = plan
  variables {
    schedules = {}
  }

  assert {
    condition     = length(google_cloud_scheduler_job.schedule) == 0 && length(google_pubsub_topic_iam_member.scheduler_agent) == 0 && !contains(keys(google_project_service.api), "cloudscheduler.googleapis.com")
    error_message = "There are no jobs, no rights, and no API."
  }
}
