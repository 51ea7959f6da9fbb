terraform {
  # 1.11: validations that read other variables (1.9), and tests whose mocked values are known while planning.
  required_version = ">= 1.11, < 2.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 8.0"
    }
  }
}
