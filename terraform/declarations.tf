# The variables that `pushgate generate` writes into subscriptions.auto.tfvars.json. `pushgate check` validates them before. These
# validations are for a file that is written by hand.

variable "topics" {
  description = "Topics by id, without the dead-letter topics. `schema`: the optional schema by which Pub/Sub validates each message at publish."
  type = map(object({
    schema = optional(object({
      name       = string # Several topics may use the same name.
      type       = string # AVRO or PROTOCOL_BUFFER.
      encoding   = string # JSON or BINARY: the form of messages.
      definition = string # Avro's JSON, or a .proto file with one top-level message.
    }))
  }))
  nullable = false

  validation {
    condition = alltrue([
      for id, topic in var.topics : can(regex("^[A-Za-z][A-Za-z0-9_.~+%-]{2,254}$", id)) && !startswith(lower(id), "goog")
    ])
    error_message = "A topic's id has 3 to 255 letters, digits or -_.~+%, begins with a letter, and not with goog (Google, Topic, name)."
  }
  validation {
    condition = alltrue([
      for topic in values(var.topics) : contains(["AVRO", "PROTOCOL_BUFFER"], topic.schema.type) && contains(["JSON", "BINARY"], topic.schema.encoding)
      if topic.schema != null
    ])
    error_message = "A schema's type is AVRO or PROTOCOL_BUFFER, its encoding JSON or BINARY."
  }
  validation {
    condition = alltrue([
      for topic in values(var.topics) : can(regex("^[A-Za-z][A-Za-z0-9_.~+%-]{2,254}$", topic.schema.name)) && !startswith(lower(topic.schema.name), "goog") && length(topic.schema.definition) > 0
      if topic.schema != null
    ])
    error_message = "A schema's name has 3 to 255 letters, digits or -_.~+%, begins with a letter, and not with goog; its definition is not empty."
  }
  validation {
    condition = alltrue([
      for schemas in values({ for topic in values(var.topics) : topic.schema.name => "${topic.schema.type} ${topic.schema.definition}"... if topic.schema != null }) :
      length(distinct(schemas)) == 1
    ])
    error_message = "Two topics name the same schema but define it differently: give one of them another name."
  }
}

variable "subscriptions" {
  description = "Push subscriptions by id: one for each subscriber."
  type = map(object({
    topic                      = string                      # A key of `topics`.
    purpose                    = string                      # One sentence, shown in alerts and on the dashboard.
    owner                      = optional(string)            # The owner that alerts name.
    ack_deadline_seconds       = optional(number, 60)        # 10 to 600; for a push the time-out of the request.
    minimum_backoff            = optional(string, "10s")     # 0s to 600s: the first pause before a redelivery,
    maximum_backoff            = optional(string, "600s")    # and the longest one.
    max_delivery_attempts      = optional(number, 25)        # 5 to 100, then the message is dead-lettered.
    dead_letter_topic          = string                      # Created here, with a subscription of the same name.
    message_retention_duration = optional(string, "604800s") # 600s to 2678400s: the retention of an unhandled message.
    retain_acked_messages      = optional(bool, false)       # The same retention for handled ones, for `pushgate replay`; it costs storage.
    enable_message_ordering    = optional(bool, false)       # Changing it replaces the subscription: see README.md.
    filter                     = optional(string)            # At most 256 bytes. Changing it replaces the subscription, too.
    unwrapped                  = optional(bool, false)       # Pushes the payload as it is, with the metadata as headers.
    audience                   = optional(string)            # null: this stack's.
    service_account_email      = optional(string)            # null: the push account of this stack.
    expected = optional(object({
      messages_per_second = optional(number)
      latency_seconds     = optional(number)
    }))
    alerts = optional(object({
      oldest_unacked_age_seconds = optional(number)
      undelivered_messages       = optional(number)
      failed_push_share          = optional(number) # Of all pushes, above 0 and at most 1.
    }), {})
  }))
  nullable = false

  validation {
    condition = alltrue([
      for id, subscription in var.subscriptions : can(regex("^[A-Za-z][A-Za-z0-9_.~+%-]{2,254}$", id)) && !startswith(lower(id), "goog")
    ])
    error_message = "A subscription's id has 3 to 255 letters, digits or -_.~+%, begins with a letter, and not with goog (Google, Subscription, name)."
  }
  validation {
    condition     = alltrue([for subscription in values(var.subscriptions) : contains(keys(var.topics), subscription.topic)])
    error_message = "A subscription's topic must be one of `topics`."
  }
  validation {
    condition     = alltrue([for subscription in values(var.subscriptions) : length(trimspace(subscription.purpose)) > 0])
    error_message = "A subscription's purpose must not be empty: alerts show it."
  }
  validation {
    condition = alltrue([
      for subscription in values(var.subscriptions) :
      subscription.ack_deadline_seconds >= 10 && subscription.ack_deadline_seconds <= 600 && floor(subscription.ack_deadline_seconds) == subscription.ack_deadline_seconds
    ])
    error_message = "ack_deadline_seconds must be a whole number from 10 to 600 (Google, Subscription, ackDeadlineSeconds)."
  }
  validation {
    condition = alltrue([
      for subscription in values(var.subscriptions) : can(
        regex("^[0-9]+(\\.[0-9]+)?s$", subscription.minimum_backoff)) && can(regex("^[0-9]+(\\.[0-9]+)?s$", subscription.maximum_backoff)) && try(
        tonumber(trimsuffix(subscription.minimum_backoff, "s")) <= tonumber(trimsuffix(subscription.maximum_backoff, "s")) && tonumber(trimsuffix(subscription.maximum_backoff, "s")) <= 600,
        false
      )
    ])
    error_message = "minimum_backoff and maximum_backoff must be from 0s to 600s, the minimum not above the maximum (Google, RetryPolicy)."
  }
  validation {
    condition = alltrue([
      for subscription in values(var.subscriptions) :
      subscription.max_delivery_attempts >= 5 && subscription.max_delivery_attempts <= 100 && floor(subscription.max_delivery_attempts) == subscription.max_delivery_attempts
    ])
    error_message = "max_delivery_attempts must be a whole number from 5 to 100 (Google, DeadLetterPolicy, maxDeliveryAttempts)."
  }
  validation {
    condition = alltrue([
      for subscription in values(var.subscriptions) : can(regex("^[0-9]+s$", subscription.message_retention_duration)) && try(
        tonumber(trimsuffix(subscription.message_retention_duration, "s")) >= 600 && tonumber(trimsuffix(subscription.message_retention_duration, "s")) <= 2678400,
        false
      )
    ])
    error_message = "message_retention_duration must be from 600s to 2678400s, 10 minutes to 31 days (Google, Subscription, messageRetentionDuration)."
  }
  validation {
    # Bytes, not characters: the length of the base64 form without padding.
    condition = alltrue([
      for subscription in values(var.subscriptions) :
      subscription.filter != "" && length(base64encode(subscription.filter)) / 4 * 3 - length(regexall("=", base64encode(subscription.filter))) <= 256
      if subscription.filter != null
    ])
    error_message = "A filter has 1 to 256 bytes (Google, Subscription, filter); without one, leave it null."
  }
  validation {
    condition = alltrue([
      for subscription in values(var.subscriptions) :
      can(regex("^[A-Za-z][A-Za-z0-9_.~+%-]{2,254}$", subscription.dead_letter_topic)) && !startswith(lower(subscription.dead_letter_topic), "goog")
    ])
    error_message = "dead_letter_topic must be a topic's id: 3 to 255 letters, digits or -_.~+%, begins with a letter, and not with goog."
  }
  validation {
    condition = length(setintersection(
      [for subscription in values(var.subscriptions) : subscription.dead_letter_topic], concat(keys(var.topics), keys(var.subscriptions))
    )) == 0
    error_message = "dead_letter_topic must be neither one of `topics` nor the id of a subscription: this stack creates a topic and a subscription of that name."
  }
  validation {
    condition = alltrue([
      for subscription in values(var.subscriptions) : can(regex("^[^\\s,]+$", subscription.audience)) if subscription.audience != null
    ])
    error_message = "An audience has neither commas nor white space, and is not empty; for this stack's own, leave it null."
  }
  validation {
    condition = alltrue([
      for subscription in values(var.subscriptions) : can(regex("^[^@\\s,]+@[^@\\s,]+\\.gserviceaccount\\.com$", subscription.service_account_email))
      if subscription.service_account_email != null
    ])
    error_message = "service_account_email must be a service account's, ending in .gserviceaccount.com; for the push account of this stack, leave it null."
  }
  validation {
    condition = alltrue(flatten([
      for subscription in values(var.subscriptions) : [for value in values(subscription.expected) : value > 0 if value != null] if subscription.expected != null
    ]))
    error_message = "expected.messages_per_second and expected.latency_seconds must be more than 0, or null if unknown."
  }
  validation {
    condition = alltrue([
      for subscription in values(var.subscriptions) : subscription.alerts.oldest_unacked_age_seconds > 0 if subscription.alerts.oldest_unacked_age_seconds != null
    ])
    error_message = "alerts.oldest_unacked_age_seconds must be more than 0."
  }
  validation {
    condition = alltrue([
      for subscription in values(var.subscriptions) : subscription.alerts.undelivered_messages >= 0 if subscription.alerts.undelivered_messages != null
    ])
    error_message = "alerts.undelivered_messages must not be negative."
  }
  validation {
    condition = alltrue([
      for subscription in values(var.subscriptions) : subscription.alerts.failed_push_share > 0 && subscription.alerts.failed_push_share <= 1
      if subscription.alerts.failed_push_share != null
    ])
    error_message = "alerts.failed_push_share must be above 0 and at most 1: it is a share of all pushes."
  }
}

variable "eventarc_triggers" {
  description = "Subscribers that Eventarc pushes to, by id. Eventarc creates and owns the subscription, so its deadline, back-off, retention and dead letters are not set here. The service itself publishes to the dead-letter topic."
  type = map(object({
    topic                      = string
    purpose                    = string
    owner                      = optional(string)
    ack_deadline_seconds       = optional(number, 60)
    minimum_backoff            = optional(string, "10s")
    maximum_backoff            = optional(string, "600s")
    max_delivery_attempts      = optional(number, 25)
    dead_letter_topic          = string
    message_retention_duration = optional(string, "604800s")
    enable_message_ordering    = optional(bool, false)
    filter                     = optional(string)
    unwrapped                  = optional(bool, false)
    audience                   = optional(string)
    service_account_email      = optional(string) # null: the push account of this stack.
    expected = optional(object({
      messages_per_second = optional(number)
      latency_seconds     = optional(number)
    }))
    alerts = optional(object({
      oldest_unacked_age_seconds = optional(number)
      undelivered_messages       = optional(number)
      failed_push_share          = optional(number)
    }), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for id in keys(var.eventarc_triggers) : can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", id))])
    error_message = "A trigger's id has at most 63 lower-case letters, digits or -, begins with a letter, and does not end with -."
  }
  validation {
    condition     = length(setintersection(keys(var.eventarc_triggers), keys(var.subscriptions))) == 0
    error_message = "An id is a subscription's or a trigger's, not both: the service would receive each message twice under one name."
  }
  validation {
    condition     = alltrue([for trigger in values(var.eventarc_triggers) : contains(keys(var.topics), trigger.topic)])
    error_message = "A trigger's topic must be one of `topics`."
  }
  validation {
    condition     = alltrue([for trigger in values(var.eventarc_triggers) : length(trimspace(trigger.purpose)) > 0])
    error_message = "A trigger's purpose must not be empty: alerts show it."
  }
  validation {
    condition = alltrue([
      for trigger in values(var.eventarc_triggers) : trigger.ack_deadline_seconds >= 10 && trigger.ack_deadline_seconds <= 600
    ])
    error_message = "ack_deadline_seconds must be from 10 to 600 (Google, Subscription, ackDeadlineSeconds)."
  }
  validation {
    condition = alltrue([
      for trigger in values(var.eventarc_triggers) : !trigger.unwrapped && !trigger.enable_message_ordering && trigger.filter == null
    ])
    error_message = "Eventarc creates the subscription, so it cannot be unwrapped, ordered or filtered. Use `subscriptions` for that."
  }
  validation {
    condition = alltrue([
      for trigger in values(var.eventarc_triggers) :
      can(regex("^[A-Za-z][A-Za-z0-9_.~+%-]{2,254}$", trigger.dead_letter_topic)) && !startswith(lower(trigger.dead_letter_topic), "goog") && !contains(concat(keys(var.topics), keys(var.subscriptions)), trigger.dead_letter_topic)
    ])
    error_message = "dead_letter_topic must be a topic's id, and neither one of `topics` nor the id of a subscription: this stack creates a topic and a subscription of that name."
  }
}

variable "schedules" {
  description = "Messages that Cloud Scheduler publishes, by the name of the job."
  type = map(object({
    topic       = string                    # A key of `topics`.
    purpose     = string                    # One sentence.
    schedule    = string                    # Five fields of cron.
    time_zone   = string                    # As in the tz database, `Europe/Berlin`.
    data_base64 = optional(string, "")      # The payload.
    attributes  = optional(map(string), {}) # The attributes.
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.schedules) : can(regex("^[A-Za-z0-9_-]{1,500}$", name))])
    error_message = "A schedule's name has 1 to 500 letters, digits, - or _."
  }
  validation {
    condition     = alltrue([for schedule in values(var.schedules) : contains(keys(var.topics), schedule.topic)])
    error_message = "A schedule's topic must be one of `topics`."
  }
  validation {
    condition     = alltrue([for schedule in values(var.schedules) : can(regex("^\\S+(\\s+\\S+){4}$", schedule.schedule))])
    error_message = "A schedule has five fields of cron: minute, hour, day, month, weekday."
  }
  validation {
    condition     = alltrue([for schedule in values(var.schedules) : can(regex("^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", schedule.time_zone))])
    error_message = "A schedule's time_zone is a name of the tz database, as Europe/Berlin or UTC."
  }
  validation {
    condition = alltrue([
      for schedule in values(var.schedules) : can(regex("^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$", schedule.data_base64))
    ])
    error_message = "data_base64 must be standard base64 with padding."
  }
  validation {
    condition     = alltrue([for schedule in values(var.schedules) : schedule.data_base64 != "" || length(schedule.attributes) > 0])
    error_message = "A message has data or at least one attribute (Google, PubsubMessage): give the schedule one of them."
  }
}
