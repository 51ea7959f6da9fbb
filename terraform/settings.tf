# How the service runs. Its store is in variables.tf, its subscribers are in declarations.tf.

variable "image" {
  description = "The container image, best by digest: `REGION-docker.pkg.dev/PROJECT/pushgate/pushgate@sha256:…`. It must hold the store's feature."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("(@sha256:[0-9a-f]{64}|:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$", var.image)) && !endswith(var.image, ":latest")
    error_message = "An image needs a digest or a tag, and not :latest: with that, a new image makes no new revision, and nobody can tell which one runs."
  }
}

variable "authentication" {
  description = "Who checks the signatures of push tokens: `verify`, the service itself, or `platform`, Cloud Run's IAM check where that check removes them. See README.md."
  type        = string
  default     = "verify"
  nullable    = false

  validation {
    condition     = contains(["verify", "platform"], var.authentication)
    error_message = "authentication is verify or platform."
  }
}

variable "invoker_iam_disabled" {
  description = "Whether Cloud Run's IAM check is off. null: off for `verify`, on for `platform`. `verify` behind the check works only if Cloud Run leaves the signature in the token."
  type        = bool
  default     = null
}

variable "audience" {
  description = "What push tokens are for, the same on both sides. null: `https://NAME.REGION.PROJECT.internal`, which nobody else's service has. It need not be an address."
  type        = string
  default     = null

  validation {
    condition     = var.audience == null || can(regex("^[^\\s,]+$", var.audience))
    error_message = "An audience has neither commas nor white space, and is not empty."
  }
}

variable "additional_audiences" {
  description = "Audiences that are accepted, too: during a move from one to another, or the one that Eventarc's tokens turn out to be for."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for audience in var.additional_audiences : can(regex("^[^\\s,]+$", audience))])
    error_message = "An audience has neither commas nor white space, and is not empty."
  }
}

variable "ingress" {
  description = "From where the service can be reached. Pub/Sub, Eventarc and Cloud Scheduler of the same project count as internal (Google, Restrict network ingress for Cloud Run). See README.md."
  type        = string
  default     = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  nullable    = false

  validation {
    condition     = contains(["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"], var.ingress)
    error_message = "ingress is INGRESS_TRAFFIC_INTERNAL_ONLY, INGRESS_TRAFFIC_ALL or INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER."
  }
}

variable "concurrency" {
  description = "Pushes that one instance works on at once, 1 to 1000. Cloud Run starts another instance before it sends more, so this is also `PUSHGATE_CONCURRENCY`."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency must be a whole number from 1 to 1000."
  }
}

variable "min_instances" {
  description = "Instances that are always there. 0 costs nothing while no message comes; the first push then waits for a start."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances must be a whole number, 0 or more."
  }
}

variable "max_instances" {
  description = "The most instances. Times `concurrency` it is the most messages worked on at once, which is what databases behind the handlers must bear."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_instances >= 1 && floor(var.max_instances) == var.max_instances && var.max_instances >= var.min_instances
    error_message = "max_instances must be a whole number, 1 or more, and not below min_instances."
  }
}

variable "cpu" {
  description = "Processors of an instance: 1, 2, 4, 6 or 8. Less than one would allow one push at a time."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = contains([1, 2, 4, 6, 8], var.cpu)
    error_message = "cpu must be 1, 2, 4, 6 or 8."
  }
}

variable "cpu_idle" {
  description = "Whether an instance has CPU only while it answers pushes, and costs only then. Enough: a lease is renewed while its push is open. False for subscribers that a hard limit cannot stop, and where instances are always busy. See README.md."
  type        = bool
  default     = true
  nullable    = false
}

variable "memory_mib" {
  description = "Memory of an instance in MiB, 512 to 32768. Half of it is room for bodies, `PUSHGATE_BODIES_BYTES`."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_mib >= 512 && var.memory_mib <= 32768 && floor(var.memory_mib) == var.memory_mib
    error_message = "memory_mib must be a whole number from 512, the least of the second generation, to 32768."
  }
}

variable "timeout_seconds" {
  description = "When Cloud Run gives up a request, 10 to 3600 s. Not below the longest ack deadline, or it would cut off handlers that may still run. The default suits every deadline."
  type        = number
  default     = 600
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 10 && var.timeout_seconds <= 3600 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds must be a whole number from 10 to 3600."
  }
}

variable "execution_environment" {
  description = "Cloud Run's sandbox: the second generation is a whole Linux with a faster network, the first starts a little sooner."
  type        = string
  default     = "EXECUTION_ENVIRONMENT_GEN2"
  nullable    = false

  validation {
    condition     = contains(["EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2"], var.execution_environment)
    error_message = "execution_environment is EXECUTION_ENVIRONMENT_GEN1 or EXECUTION_ENVIRONMENT_GEN2."
  }
}

variable "startup_probe_path" {
  description = "When an instance counts as started: `/health/ready`, once keys and store answer, so that a revision with a wrong store never gets a push; `/health/live` if subscribers declared `StoreDown::open` must start without a store."
  type        = string
  default     = "/health/ready"
  nullable    = false

  validation {
    condition     = contains(["/health/ready", "/health/live"], var.startup_probe_path)
    error_message = "startup_probe_path is /health/ready or /health/live."
  }
}

variable "rights_wait_seconds" {
  description = "How long the service waits for its account's new rights before it is made, 0 to 1800 s; Google says that they take minutes. Only for new rights: other applies do not wait. Needs the command sleep where Terraform runs."
  type        = number
  default     = 180
  nullable    = false

  validation {
    condition     = var.rights_wait_seconds >= 0 && var.rights_wait_seconds <= 1800 && floor(var.rights_wait_seconds) == var.rights_wait_seconds
    error_message = "rights_wait_seconds must be a whole number from 0 to 1800."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the service. Off only to remove it; not to recover a first apply that failed: README.md."
  type        = bool
  default     = true
  nullable    = false
}

variable "environment" {
  description = "Further environment variables: the subscribers' own, and settings of pushgate that this stack does not decide."
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
    error_message = "This stack decides the port, project, store, audience, callers, authentication, concurrency and room for bodies by variables of its own; emulators are not for the cloud."
  }
}

variable "secret_environment" {
  description = "Environment variables from Secret Manager: variable to secret of this project. The secrets are there already; the service's account may read these and no others. A fixed version makes each revision say what it runs with."
  type = map(object({
    secret  = string                     # Its id.
    version = optional(string, "latest") # A number, or latest: what is newest when an instance starts.
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
    error_message = "A variable is given once: in `environment`, in `secret_environment`, or by this stack."
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
    error_message = "Memorystore has private addresses only: give the network that it is in."
  }
}
