# Google's values, in the form that the provider checks.

mock_data "google_project" {
  defaults = {
    number = "123456789012"
  }
}

mock_resource "google_cloud_run_v2_service" {
  defaults = {
    uri = "https://pushgate-abcdef-ew.a.run.app"
  }
}

mock_resource "google_pubsub_topic" {
  defaults = {
    id = "projects/my-project/topics/mocked"
  }
}

mock_resource "google_redis_instance" {
  defaults = {
    id          = "projects/my-project/locations/europe-west1/instances/pushgate-store"
    host        = "10.1.2.3"
    port        = 6378
    auth_string = "a-password"
    server_ca_certs = [
      { cert = "first certificate", create_time = "", expire_time = "", serial_number = "1", sha1_fingerprint = "" },
      { cert = "second certificate", create_time = "", expire_time = "", serial_number = "2", sha1_fingerprint = "" },
    ]
  }
}

mock_resource "google_secret_manager_secret_version" {
  defaults = {
    version = "7"
  }
}

mock_resource "google_compute_network" {
  defaults = {
    id = "projects/my-project/global/networks/pushgate"
  }
}

mock_resource "google_compute_subnetwork" {
  defaults = {
    id = "projects/my-project/regions/europe-west1/subnetworks/pushgate-service"
  }
}

# Both accounts are the same; a test that must distinguish them overrides them.
mock_resource "google_service_account" {
  defaults = {
    name   = "projects/my-project/serviceAccounts/mocked@my-project.iam.gserviceaccount.com"
    email  = "mocked@my-project.iam.gserviceaccount.com"
    member = "serviceAccount:mocked@my-project.iam.gserviceaccount.com"
  }
}

mock_resource "google_pubsub_schema" {
  defaults = {
    id = "projects/my-project/schemas/mocked"
  }
}

mock_resource "google_secret_manager_secret" {
  defaults = {
    id = "projects/my-project/secrets/mocked"
  }
}
