# The settings of the service. The store is in variables.tf, the subscribers are in declarations.tf.

variable "image" {
  description = "The container image, preferably by digest: `REGION-docker.pkg.dev/PROJECT/pushgate/pushgate@sha256:…`. It must be built with the store's feature."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("(@sha256:[0-9a-f]{64}|:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$", var.image)) && !endswith(var.image, ":latest")
    error_message = "An image needs a digest or a tag other than :latest: with :latest a new image creates no new revision, and the running one is not known."
  }
}

variable "authentication" {
  description = "The verification of the signatures of push tokens: `verify` by the service itself, or `platform` by Cloud Run's IAM check, which removes them. See README.md."
  type        = string
  default     = "verify"
  nullable    = false

  validation {
    condition     = contains(["verify", "platform"], var.authentication)
    error_message = "authentication is verify or platform."
  }
}

variable "invoker_iam_disabled" {
  description = "True disables Cloud Run's IAM check. null: disabled for `verify`, enabled for `platform`. `verify` behind the check works only if Cloud Run keeps the signature in the token."
  type        = bool
  default     = null
}

variable "audience" {
  description = "The audience of push tokens, for Pub/Sub and for the service. null: `https://NAME.REGION.PROJECT.internal`, which no other service has. It need not be an address."
  type        = string
  default     = null

  validation {
    condition     = var.audience == null || can(regex("^[^\\s,]+$", var.audience))
    error_message = "An audience has neither commas nor white space, and is not empty."
  }
}

variable "additional_audiences" {
  description = "Further accepted audiences: the old one during a change, or the one of Eventarc's tokens."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for audience in var.additional_audiences : can(regex("^[^\\s,]+$", audience))])
    error_message = "An audience has neither commas nor white space, and is not empty."
  }
}

variable "ingress" {
  description = "The networks that can reach the service. Pub/Sub, Eventarc and Cloud Scheduler of the same project count as internal (Google, Restrict network ingress for Cloud Run). See README.md."
  type        = string
  default     = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  nullable    = false

  validation {
    condition     = contains(["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"], var.ingress)
    error_message = "ingress is INGRESS_TRAFFIC_INTERNAL_ONLY, INGRESS_TRAFFIC_ALL or INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER."
  }
}

variable "concurrency" {
  description = "The number of concurrent pushes of an instance, 1 to 1000. Cloud Run starts another instance for more, so this is also `PUSHGATE_CONCURRENCY`."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency must be a whole number from 1 to 1000."
  }
}

variable "min_instances" {
  description = "The minimum number of instances. With 0 an idle service costs nothing, and the first push waits for a start."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances must be a whole number, 0 or more."
  }
}

variable "max_instances" {
  description = "The maximum number of instances. The product with `concurrency` is the maximum number of concurrent messages, which the handlers' databases must support."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_instances >= 1 && floor(var.max_instances) == var.max_instances && var.max_instances >= var.min_instances
    error_message = "max_instances must be a whole number, 1 or more, and not below min_instances."
  }
}

variable "cpu" {
  description = "Processors of an instance: 1, 2, 4, 6 or 8. Less than one would permit only one push at a time."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = contains([1, 2, 4, 6, 8], var.cpu)
    error_message = "cpu must be 1, 2, 4, 6 or 8."
  }
}

variable "cpu_idle" {
  description = "True gives an instance CPU, and costs, only during pushes. That suffices, since a lease is renewed while its push is open. Set false for handlers that a hard limit cannot stop, and for instances that are always busy. See README.md."
  type        = bool
  default     = true
  nullable    = false
}

variable "memory_mib" {
  description = "Memory of an instance in MiB, 512 to 32768. Half of it is for bodies, `PUSHGATE_BODIES_BYTES`."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_mib >= 512 && var.memory_mib <= 32768 && floor(var.memory_mib) == var.memory_mib
    error_message = "memory_mib must be a whole number from 512, the least of the second generation, to 32768."
  }
}

variable "timeout_seconds" {
  description = "The time limit of a request in Cloud Run, 10 to 3600 s. A value below the longest ack deadline would interrupt running handlers. The default suits every deadline."
  type        = number
  default     = 600
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 10 && var.timeout_seconds <= 3600 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds must be a whole number from 10 to 3600."
  }
}

variable "execution_environment" {
  description = "Cloud Run's sandbox: the second generation is a complete Linux with a faster network, the first one starts slightly faster."
  type        = string
  default     = "EXECUTION_ENVIRONMENT_GEN2"
  nullable    = false

  validation {
    condition     = contains(["EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2"], var.execution_environment)
    error_message = "execution_environment is EXECUTION_ENVIRONMENT_GEN1 or EXECUTION_ENVIRONMENT_GEN2."
  }
}

variable "startup_probe_path" {
  description = "The startup probe of an instance: `/health/ready` requires keys and store, so that a revision with a wrong store gets no push. `/health/live` starts without a store, for subscribers with `StoreDown::open`."
  type        = string
  default     = "/health/ready"
  nullable    = false

  validation {
    condition     = contains(["/health/ready", "/health/live"], var.startup_probe_path)
    error_message = "startup_probe_path is /health/ready or /health/live."
  }
}

variable "rights_wait_seconds" {
  description = "The wait for new rights of the service's account before the service is created, 0 to 1800 s. According to Google they take minutes. Applies without new rights do not wait. Terraform's machine needs the command sleep."
  type        = number
  default     = 180
  nullable    = false

  validation {
    condition     = var.rights_wait_seconds >= 0 && var.rights_wait_seconds <= 1800 && floor(var.rights_wait_seconds) == var.rights_wait_seconds
    error_message = "rights_wait_seconds must be a whole number from 0 to 1800."
  }
}

variable "deletion_protection" {
  description = "True makes Terraform reject the deletion of the service. Set false only to remove it, and not to recover from a failed first apply: README.md."
  type        = bool
  default     = true
  nullable    = false
}

variable "environment" {
  description = "Further environment variables: the subscribers' own, and settings of pushgate that this stack does not set."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "A variable's name has letters, digits and _, and does not begin with a digit."
  }
  validation {
    condition = length(setintersection(keys(var.environment), [
      "PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "GOOGLE_CLOUD_PROJECT", "PUSHGATE_STORE", "PUSHGATE_STORE_PASSWORD", "PUSHGATE_STORE_CA_FILE",
      "PUSHGATE_AUDIENCE", "PUSHGATE_CALLERS", "PUSHGATE_AUTHENTICATION", "PUSHGATE_CONCURRENCY", "PUSHGATE_BODIES_BYTES",
      "PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST",
    ])) == 0
    error_message = "This stack sets the port, project, store, audience, callers, authentication, concurrency and room for bodies by variables of its own; emulators are not for the cloud."
  }
}

variable "secret_environment" {
  description = "Environment variables from Secret Manager: variable to secret of this project. The secrets exist already. The service's account may read only these. With a fixed version each revision names the version that it uses."
  type = map(object({
    secret  = string                     # Its id.
    version = optional(string, "latest") # A number, or latest: the newest one at the start of an instance.
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for name, reference in var.secret_environment :
      can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && can(regex("^[A-Za-z0-9_-]{1,255}$", reference.secret)) && can(regex("^(latest|[1-9][0-9]*)$", reference.version))
    ])
    error_message = "A variable's name has letters, digits and _; a secret is its id, not its full name; a version is a number or latest."
  }
  validation {
    condition = length(setintersection(keys(var.secret_environment), concat(keys(var.environment), [
      "PORT", "GOOGLE_CLOUD_PROJECT", "PUSHGATE_STORE", "PUSHGATE_STORE_PASSWORD", "PUSHGATE_STORE_CA_FILE", "PUSHGATE_AUDIENCE", "PUSHGATE_CALLERS",
      "PUSHGATE_AUTHENTICATION", "PUSHGATE_CONCURRENCY", "PUSHGATE_BODIES_BYTES",
    ]))) == 0
    error_message = "A variable is set once: in `environment`, in `secret_environment`, or by this stack."
  }
}

variable "network" {
  description = "The VPC that the service sends private addresses through; required for Memorystore. `network`: full id, `projects/P/global/networks/N`, with private service access set up; `subnetwork`: full id, in `region`, with at least a /26 free."
  type = object({
    network    = string
    subnetwork = string
  })
  default = null

  validation {
    condition     = var.network == null || can(regex("^projects/[^/]+/global/networks/[^/]+$", var.network.network)) && can(regex("^projects/[^/]+/regions/[^/]+/subnetworks/[^/]+$", var.network.subnetwork))
    error_message = "network is projects/P/global/networks/N, subnetwork is projects/P/regions/R/subnetworks/S."
  }
  validation {
    condition     = var.store != "memorystore" || var.network != null
    error_message = "Memorystore has private addresses only: set the network that contains it."
  }
}
