# The example stacks, with what is generated.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  project = "my-project"
  image   = "europe-west1-docker.pkg.dev/my-project/pushgate/pushgate:1"
}

run "the_firestore_stack_takes_the_generated_declarations" {
  command = plan
  module {
    source = "./examples/firestore"
  }

  assert {
    condition     = keys(output.topics) == keys(jsondecode(file("./subscriptions.auto.tfvars.json")).topics)
    error_message = "Every generated topic is there."
  }
  assert {
    condition     = output.store == "firestore://my-project/pushgate"
    error_message = "Its store is Firestore."
  }
}

run "the_memorystore_stack_has_a_network_of_its_own" {
  command = plan
  module {
    source = "./examples/memorystore"
  }

  assert {
    condition     = keys(output.topics) == keys(jsondecode(file("./subscriptions.auto.tfvars.json")).topics)
    error_message = "Every generated topic is there."
  }
  assert {
    condition     = output.store == "rediss://10.1.2.3:6378"
    error_message = "Its store is a Redis with TLS."
  }
  assert {
    condition     = google_compute_global_address.services.purpose == "VPC_PEERING" && google_service_networking_connection.services.network == google_compute_network.network.id && google_compute_subnetwork.service.network == google_compute_network.network.id && !google_compute_network.network.auto_create_subnetworks
    error_message = "Service and Redis are in one private network."
  }
}
