//! Settings of Google's that the emulator stores and shows, but does not act upon.

use std::collections::BTreeMap;

use crate::error::ApiError;

/// The most bytes of the settings without effect of one resource. The limit is ours.
const MAX_BYTES: usize = 256 * 1024;

/// The settings of a topic or a subscription that have no effect here, such as encryption keys and exports. They come from
/// Google's API or from a bootstrap file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WithoutEffect {
    settings: Vec<Setting>,
    /// Google's message with these settings only, in the encoding of Protocol Buffers.
    encoded: Vec<u8>,
    tags: BTreeMap<String, String>,
}

/// A setting without effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Setting {
    StoragePolicy,
    KmsKey,
    Ingestion,
    Transforms,
    Tags,
    BigQuery,
    Bigtable,
    CloudStorage,
}

impl Setting {
    /// Returns the name of the field in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::StoragePolicy => "messageStoragePolicy",
            Self::KmsKey => "kmsKeyName",
            Self::Ingestion => "ingestionDataSourceSettings",
            Self::Transforms => "messageTransforms",
            Self::Tags => "tags",
            Self::BigQuery => "bigqueryConfig",
            Self::Bigtable => "bigtableConfig",
            Self::CloudStorage => "cloudStorageConfig",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::StoragePolicy => "there is one machine, and no region",
            Self::KmsKey => "nothing is encrypted at rest",
            Self::Ingestion => "messages are published only",
            Self::Transforms => "messages would arrive untransformed",
            Self::Tags => "there is no resource manager",
            Self::BigQuery | Self::Bigtable | Self::CloudStorage => {
                "messages are pushed or pulled only"
            }
        }
    }

    /// Returns the system to which the setting exports messages.
    fn export(self) -> Option<&'static str> {
        match self {
            Self::BigQuery => Some("BigQuery"),
            Self::Bigtable => Some("Bigtable"),
            Self::CloudStorage => Some("Cloud Storage"),
            _ => None,
        }
    }

    /// Returns the error of an emulator that rejects settings without effect. `message` is the name of Google's message.
    pub(crate) fn rejection(self, message: &str) -> ApiError {
        ApiError::unimplemented(format!(
            "The emulator does not act upon {message}.{}: {}",
            self.name(),
            self.reason()
        ))
    }
}

impl WithoutEffect {
    pub(crate) fn new(
        settings: impl IntoIterator<Item = Setting>,
        encoded: Vec<u8>,
        tags: BTreeMap<String, String>,
    ) -> Self {
        let tagged = (!tags.is_empty()).then_some(Setting::Tags);
        Self {
            settings: settings.into_iter().chain(tagged).collect(),
            encoded,
            tags,
        }
    }

    /// Returns the names of the settings, as in JSON.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.settings.iter().map(|setting| setting.name()).collect()
    }

    /// Returns the system to which the subscription exports its messages at Google.
    #[must_use]
    pub fn export(&self) -> Option<&'static str> {
        self.settings.iter().find_map(|setting| setting.export())
    }

    pub(crate) fn first(&self) -> Option<Setting> {
        self.settings.first().copied()
    }

    pub(crate) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    pub(crate) fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    /// # Errors
    /// If the settings are too large.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let tags = self.tags.iter();
        let tags: usize = tags.map(|(key, value)| key.len() + value.len()).sum();
        let found = self.encoded.len() + tags;
        if found > MAX_BYTES {
            return Err(ApiError::invalid(format!(
                "{} of {found} bytes: the emulator stores at most {MAX_BYTES}",
                self.names().join(" and ")
            )));
        }
        Ok(())
    }

    /// Checks that the messages of a subscription have one way (Google, *Subscription*), and that an export has no
    /// exactly-once delivery, which is for pull (Google, *Exactly-once delivery*).
    ///
    /// # Errors
    /// If two settings exclude each other.
    pub(crate) fn check_export(
        &self,
        is_pushed: bool,
        is_exactly_once: bool,
    ) -> Result<(), ApiError> {
        let exports = self.settings.iter();
        let exports = exports.filter(|setting| setting.export().is_some());
        let mut ways: Vec<&str> = exports.map(|setting| setting.name()).collect();
        if ways.is_empty() {
            return Ok(());
        }
        if is_exactly_once {
            ways.push("enableExactlyOnceDelivery");
        }
        if is_pushed {
            ways.push("pushConfig");
        }
        if ways.len() > 1 {
            return Err(ApiError::invalid(format!(
                "{} exclude each other: set one of them",
                ways.join(" and ")
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(settings: &[Setting]) -> WithoutEffect {
        WithoutEffect::new(settings.iter().copied(), Vec::new(), BTreeMap::new())
    }

    #[test]
    fn messages_of_a_subscription_have_one_way() {
        let one = settings(&[Setting::BigQuery, Setting::Transforms]);
        assert_eq!(one.check_export(false, false), Ok(()));
        assert_eq!(settings(&[]).check_export(true, true), Ok(()));
        let two = settings(&[Setting::BigQuery, Setting::CloudStorage]);
        for (found, is_pushed, is_exactly_once, other) in [
            (&two, false, false, "cloudStorageConfig"),
            (&one, true, false, "pushConfig"),
            (&one, false, true, "enableExactlyOnceDelivery"),
        ] {
            let rejected = found.check_export(is_pushed, is_exactly_once).unwrap_err();
            let expected =
                format!("bigqueryConfig and {other} exclude each other: set one of them");
            assert_eq!(rejected, ApiError::InvalidArgument(expected));
        }
    }

    #[test]
    fn the_size_is_bounded() {
        let of_size =
            |bytes| WithoutEffect::new([Setting::KmsKey], vec![0; bytes], BTreeMap::new());
        assert_eq!(of_size(MAX_BYTES).check(), Ok(()));
        let rejected = of_size(MAX_BYTES + 1).check().unwrap_err().to_string();
        assert!(
            rejected.starts_with("kmsKeyName of 262145 bytes"),
            "{rejected}"
        );
        let long = [("123/environment".to_owned(), "x".repeat(MAX_BYTES))].into();
        assert!(WithoutEffect::new([], Vec::new(), long).check().is_err());
    }
}
