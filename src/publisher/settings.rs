//! The settings of a publisher, without its message type.

use std::time::Duration;

use super::PublishError;

/// Settings of a publisher, without its message type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) batch_messages: u32,
    pub(crate) batch_bytes: u32,
    pub(crate) batch_delay: Duration,
    pub(crate) retry_time_limit: Duration,
    pub(crate) buffer_bytes: usize,
    /// True if the first failure closes every ordering key for good, so that the caller can resume where it happened.
    pub(crate) stops_at_failure: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_messages: 100,
            batch_bytes: 1_000_000,
            batch_delay: Duration::from_millis(10),
            retry_time_limit: Duration::from_secs(20),
            buffer_bytes: 64 << 20,
            stops_at_failure: false,
        }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), PublishError> {
        let buffer_bytes = u128::try_from(self.buffer_bytes).unwrap_or(u128::MAX);
        let delay = self.batch_delay.as_millis();
        let retry = self.retry_time_limit.as_millis();
        let ranges = [
            ("batch_messages", self.batch_messages.into(), 1, 1_000),
            ("batch_bytes", self.batch_bytes.into(), 1, 10_000_000),
            ("batch_delay in milliseconds", delay, 1, 10_000),
            ("retry_time_limit in milliseconds", retry, 1_000, 600_000),
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
    fn a_setting_out_of_its_range_is_rejected_with_its_range() {
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
            |settings| settings.retry_time_limit = Duration::from_secs(601),
            "retry_time_limit in milliseconds is 601000, expected 1000 to 600000: see Publisher::builder",
        );
        check(
            |settings| settings.buffer_bytes = 1,
            "buffer_bytes is 1, expected 11534336 to 1073741824: see Publisher::builder",
        );
    }
}
