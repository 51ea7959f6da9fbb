//! How a publisher is set up.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::{Channel, EVENT_ID_ATTRIBUTE, PublishError, Publisher, connect, full_name};
use crate::config::host_and_port;
use crate::state::Environment;

/// Sets up a [`Publisher`]; ranges are checked when it is opened.
#[must_use]
pub struct PublisherBuilder<T> {
    topic: String,
    event_id_attribute: String,
    settings: Settings,
    message: PhantomData<fn(T)>,
}

/// What does not depend on the type of the messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) batch_messages: u32,
    pub(crate) batch_bytes: u32,
    pub(crate) batch_delay: Duration,
    pub(crate) patience: Duration,
    pub(crate) buffer_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_messages: 100,
            batch_bytes: 1_000_000,
            batch_delay: Duration::from_millis(10),
            patience: Duration::from_secs(20),
            buffer_bytes: 64 << 20,
        }
    }
}

impl<T> PublisherBuilder<T> {
    pub(super) fn new(topic: String) -> Self {
        Self {
            topic,
            event_id_attribute: EVENT_ID_ATTRIBUTE.to_owned(),
            settings: Settings::default(),
            message: PhantomData,
        }
    }

    /// The most messages in one request: 1 to 1,000 (Google, *Quotas and limits*), 100 by default. 1 sends each at once.
    pub fn batch_messages(mut self, messages: u32) -> Self {
        self.settings.batch_messages = messages;
        self
    }

    /// The size at which a request is sent: 1 to 10,000,000 bytes, 1,000,000 by default.
    pub fn batch_bytes(mut self, bytes: u32) -> Self {
        self.settings.batch_bytes = bytes;
        self
    }

    /// How long a message waits for company: 1 ms to 10 s, 10 ms by default.
    pub fn batch_delay(mut self, delay: Duration) -> Self {
        self.settings.batch_delay = delay;
        self
    }

    /// How long a request is tried again while Pub/Sub cannot be reached: 1 to 600 s, 20 s by default. In a handler it must end
    /// before the soft limit.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// The memory for unconfirmed messages: 11 MiB to 1 GiB, 64 MiB by default. Who publishes more waits.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.settings.buffer_bytes = bytes;
        self
    }

    /// The attribute that holds the event id; `event-id` by default.
    pub fn event_id_attribute(mut self, name: impl Into<String>) -> Self {
        self.event_id_attribute = name.into();
        self
    }

    /// Makes the publisher. Nothing is sent yet: a topic that does not exist is found at the first message.
    ///
    /// # Errors
    /// If a setting is out of its range, the project is not known, the topic's name cannot be one, or there are no credentials.
    pub async fn open(self, environment: Environment) -> Result<Publisher<T>, PublishError> {
        Ok(Publisher {
            channel: Channel::open(&self.topic, environment, self.settings).await?,
            event_id_attribute: self.event_id_attribute,
            message: PhantomData,
        })
    }
}

impl Channel {
    /// The way to a topic, by its short or its full name.
    pub(crate) async fn open(
        topic: &str,
        environment: Environment,
        settings: Settings,
    ) -> Result<Self, PublishError> {
        settings.check()?;
        let emulator = match environment.get("PUBSUB_EMULATOR_HOST") {
            Some(host) => {
                Some(host_and_port(host).ok_or_else(|| PublishError::Emulator(host.to_owned()))?)
            }
            None => None,
        };
        let topic = full_name(topic, environment).await?;
        let client = connect(emulator.as_deref(), settings.patience)
            .await
            .map_err(|error| PublishError::Client(Arc::new(error)))?;
        Ok(Self::new(client, topic, settings))
    }
}

impl Settings {
    fn check(&self) -> Result<(), PublishError> {
        let buffer_bytes = u128::try_from(self.buffer_bytes).unwrap_or(u128::MAX);
        let ranges = [
            ("batch_messages", self.batch_messages.into(), 1, 1_000),
            ("batch_bytes", self.batch_bytes.into(), 1, 10_000_000),
            (
                "batch_delay in milliseconds",
                self.batch_delay.as_millis(),
                1,
                10_000,
            ),
            (
                "patience in milliseconds",
                self.patience.as_millis(),
                1_000,
                600_000,
            ),
            ("buffer_bytes", buffer_bytes, 11 << 20, 1 << 30),
        ];
        for (call, found, least, most) in ranges {
            if !(least..=most).contains(&found) {
                return Err(PublishError::Setting {
                    call,
                    found,
                    least,
                    most,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl Fn(&mut Settings), expected: &str) {
        let mut settings = Settings::default();
        change(&mut settings);
        let found = settings
            .check()
            .map_or_else(|error| error.to_string(), |()| "fits".into());
        assert_eq!(found, expected);
    }

    #[test]
    fn a_setting_out_of_its_range_is_refused_and_says_the_range() {
        check(|_| {}, "fits");
        check(
            |settings| settings.batch_messages = 1_001,
            "batch_messages is 1001, expected 1 to 1000: see Publisher::builder",
        );
        check(
            |settings| settings.batch_bytes = 0,
            "batch_bytes is 0, expected 1 to 10000000: see Publisher::builder",
        );
        check(
            |settings| settings.batch_delay = Duration::ZERO,
            "batch_delay in milliseconds is 0, expected 1 to 10000: see Publisher::builder",
        );
        check(
            |settings| settings.patience = Duration::from_secs(601),
            "patience in milliseconds is 601000, expected 1000 to 600000: see Publisher::builder",
        );
        check(
            |settings| settings.buffer_bytes = 1,
            "buffer_bytes is 1, expected 11534336 to 1073741824: see Publisher::builder",
        );
    }
}
