# The place of the stack. The settings of the service are in settings.tf, its declarations in declarations.tf.

variable "project" {
  description = "Id of the project of all resources."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 lower-case letters, digits or -, and begins with a letter."
  }
}

variable "region" {
  description = "Region of the service, its store, its images and its scheduled jobs."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+(-[a-z]+)+[0-9]+$", var.region))
    error_message = "A region looks like europe-west1."
  }
}

variable "name" {
  description = "Name of the Cloud Run service; the names of its accounts, secrets and images begin with it. Another name creates another service."
  type        = string
  default     = "pushgate"
  nullable    = false

  validation {
    # 22 characters: `-service` is added for an account's id, which has at most 30.
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}[a-z0-9]$", var.name))
    error_message = "A name has 3 to 22 lower-case letters, digits or -, begins with a letter, and does not end with -."
  }
}

variable "labels" {
  description = "Labels for all resources that support them."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "A label's key and value have at most 63 lower-case letters, digits, - or _; a key begins with a letter."
  }
}

# The store

variable "store" {
  description = "The store for deduplication: `firestore` costs by the message; `memorystore` costs by the hour, and supports the highest rates."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["firestore", "memorystore"], var.store)
    error_message = "store is firestore or memorystore."
  }
}

variable "firestore" {
  description = "The Firestore database. `database`: its id; only `(default)` has a free daily quota, and other services may use it. `location`: null for `region`; a multi-region such as eur3 survives the failure of a region, and costs more."
  type = object({
    database = optional(string, "pushgate")
    location = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.firestore.database == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.firestore.database))
    error_message = "A database's id is (default), or has 4 to 63 lower-case letters, digits or -, begins with a letter, and does not end with -."
  }
}

variable "memorystore" {
  description = "The Redis. `memory_size_gb`: 1 to 300; a message needs some 272 bytes for its window, so a million a day for 7 days needs 1.9 GB. `tls`: false only if the certificate does not contain the address, see README.md. `reserved_ip_range`: a range of private service access; null for any."
  type = object({
    memory_size_gb    = optional(number, 5)
    redis_version     = optional(string, "REDIS_7_2")
    tls               = optional(bool, true)
    reserved_ip_range = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.memorystore.memory_size_gb >= 1 && var.memorystore.memory_size_gb <= 300 && floor(var.memorystore.memory_size_gb) == var.memorystore.memory_size_gb
    error_message = "memorystore.memory_size_gb must be a whole number from 1 to 300."
  }
  validation {
    condition     = can(regex("^REDIS_[6-9]_(X|[0-9])$", var.memorystore.redis_version))
    error_message = "memorystore.redis_version looks like REDIS_7_2; TLS and AUTH need 6 or later."
  }
}

# Topics and people

variable "publishes_to" {
  description = "Topics that handlers publish to: ids of `topics`, or full names, `projects/P/topics/T`. Dead-letter topics need not be listed."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for topic in var.publishes_to : contains(keys(var.topics), topic) || can(regex("^projects/[^/]+/topics/[^/]+$", topic))])
    error_message = "publishes_to holds ids of `topics`, or full names of others: projects/P/topics/T."
  }
}

variable "topic_retention" {
  description = "The retention of topics, also for acknowledged messages, so that a new subscription can seek back to them: 600s to 2678400s, billed as storage. null: no retention."
  type        = string
  default     = null

  validation {
    condition     = var.topic_retention == null || can(regex("^[0-9]+s$", var.topic_retention)) && try(tonumber(trimsuffix(var.topic_retention, "s")) >= 600 && tonumber(trimsuffix(var.topic_retention, "s")) <= 2678400, false)
    error_message = "topic_retention must be from 600s to 2678400s, 10 minutes to 31 days (Google, Topic, messageRetentionDuration)."
  }
}

variable "message_storage_regions" {
  description = "Regions in which Pub/Sub may store messages. Empty: all that the organization permits, preferably the nearest to the publisher."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for region in var.message_storage_regions : can(regex("^[a-z]+(-[a-z]+)+[0-9]+$", region))])
    error_message = "A region looks like europe-west1."
  }
}

variable "operators" {
  description = "Members that operate the service with `pushgate dead-letters`, `message`, `replay`, `pause` and `resume`: `group:…`, `user:…`. They receive the rights on dead letters, subscriptions and the push accounts that these commands need, and can push as Pub/Sub does. The push accounts become PUSHGATE_OPERATORS of the service, unless `environment` sets it."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.operators : can(regex("^(user|serviceAccount|group|principal|principalSet):.+$", member))])
    error_message = "An operator is a member as group:NAME@DOMAIN, user:…, serviceAccount:…, principal:… or principalSet:…."
  }
}

variable "deployers" {
  description = "Further members, such as a build's account, that may deploy with the accounts of this stack: `serviceAccount:…`. The account that runs Terraform needs this right before."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.deployers : can(regex("^(user|serviceAccount|group|principal|principalSet):.+$", member))])
    error_message = "A deployer is a member as serviceAccount:NAME@PROJECT.iam.gserviceaccount.com, user:…, group:…, principal:… or principalSet:…."
  }
}

variable "alerts" {
  description = "Alerts of this environment. `enabled`: one switch for all. The limits replace those that subscribers declare: for all subscriptions, or by id in `subscriptions`. `retention_share`: the share of a retention after which messages are about to be lost. `instance_share`: the share of `max_instances` that is nearly all. `auto_close_seconds`: 1800 to 604800, the time until an incident without data is closed. `notification_period_seconds`: the least time between two notifications about lines of the log. `runbooks`: the URL or the folder of the pages that alerts name."
  type = object({
    enabled                     = optional(bool, true)
    oldest_unacked_age_seconds  = optional(number)
    undelivered_messages        = optional(number)
    failed_push_share           = optional(number)
    latency_seconds             = optional(number)
    retention_share             = optional(number, 0.8)
    instance_share              = optional(number, 0.9)
    auto_close_seconds          = optional(number, 86400)
    notification_period_seconds = optional(number, 3600)
    runbooks                    = optional(string, "docs/run")
    subscriptions = optional(map(object({
      oldest_unacked_age_seconds = optional(number)
      undelivered_messages       = optional(number)
      failed_push_share          = optional(number)
      latency_seconds            = optional(number)
    })), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = length(setsubtract(keys(var.alerts.subscriptions), concat(keys(var.subscriptions), keys(var.eventarc_triggers)))) == 0
    error_message = "alerts.subscriptions has the ids of `subscriptions` and `eventarc_triggers`."
  }
  validation {
    condition = alltrue([
      for limits in concat([var.alerts], values(var.alerts.subscriptions)) :
      alltrue([for number in [limits.oldest_unacked_age_seconds, limits.undelivered_messages, limits.latency_seconds] : number == null || try(number > 0, false)]) &&
      (limits.failed_push_share == null || try(limits.failed_push_share > 0 && limits.failed_push_share <= 1, false))
    ])
    error_message = "Limits of alerts are above 0, and failed_push_share is at most 1."
  }
  validation {
    condition     = alltrue([for share in [var.alerts.retention_share, var.alerts.instance_share] : share > 0 && share <= 1])
    error_message = "alerts.retention_share and alerts.instance_share are above 0 and at most 1."
  }
  validation {
    condition     = var.alerts.auto_close_seconds >= 1800 && var.alerts.auto_close_seconds <= 604800 && var.alerts.notification_period_seconds >= 60
    error_message = "alerts.auto_close_seconds is 1800 to 604800, alerts.notification_period_seconds at least 60."
  }
}

variable "notification_channels" {
  description = "The channels of alerts: full names, `projects/P/notificationChannels/N`. Empty: alerts are shown only in the console."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "A channel is projects/P/notificationChannels/N."
  }
}
