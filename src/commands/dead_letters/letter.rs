//! A dead letter, its group, and its form in an exported file.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::delivery::dead_letter::{
    ERROR_ATTRIBUTE, MESSAGE_ID_ATTRIBUTE, PUBLISH_TIME_ATTRIBUTE, REASON_ATTRIBUTE,
    REPLAY_COUNT_ATTRIBUTE, REPLAY_OF_ATTRIBUTE, SOURCE_PROJECT, SOURCE_SUBSCRIPTION,
};
use crate::loggable::hash;
use crate::publisher::Draft;

/// The id that a dead letter had when it was exported, so that an import that is repeated does not run twice.
const EXPORTED_ID_ATTRIBUTE: &str = "pushgate-exported-id";
/// The reason of a message that Pub/Sub forwarded after its last delivery attempt.
const ATTEMPTS: &str = "attempts used up";

/// A dead letter. It is also a line of an exported file, which may be edited.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Letter {
    pub(super) id: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) publish_time: OffsetDateTime,
    pub(super) attributes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) ordering_key: String,
    #[serde(flatten)]
    pub(super) data: Data,
}

/// The data of a message, byte by byte.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Data {
    /// Valid UTF-8, JSON for instance.
    Text(String),
    /// Other bytes.
    Base64(String),
}

/// A pulled message (Google, *Cloud Pub/Sub API*, `PubsubMessage`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pulled {
    #[serde(default)]
    data: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    pub(super) message_id: String,
    publish_time: String,
    #[serde(default)]
    ordering_key: String,
}

/// The dead letters of one subscription with the same reason and the same error.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group {
    /// The first digits of a hash of the group's other fields.
    pub(super) group: String,
    pub(super) subscription: String,
    pub(super) reason: String,
    pub(super) error: String,
}

/// The fault of a dead letter or of a line.
#[derive(Debug, thiserror::Error)]
pub(super) enum LetterError {
    #[error("the data is not base64")]
    Base64(#[from] base64::DecodeError),
    #[error("the publish time is not a time as in RFC 3339")]
    Time(#[from] time::error::Parse),
}

impl TryFrom<Pulled> for Letter {
    type Error = LetterError;

    fn try_from(pulled: Pulled) -> Result<Self, LetterError> {
        let data = match String::from_utf8(BASE64_STANDARD.decode(&pulled.data)?) {
            Ok(text) => Data::Text(text),
            Err(_) => Data::Base64(pulled.data),
        };
        Ok(Self {
            id: pulled.message_id,
            publish_time: OffsetDateTime::parse(&pulled.publish_time, &Rfc3339)?,
            attributes: pulled.attributes,
            ordering_key: pulled.ordering_key,
            data,
        })
    }
}

impl Letter {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// Returns true if this subscription of this project failed. Google's emulator does not name the project, and a message that is
    /// too large for it has no source at all: that one counts for no subscription.
    pub(super) fn is_of(&self, project: &str, id: &str) -> bool {
        let of_project = self.attribute(SOURCE_PROJECT);
        self.attribute(SOURCE_SUBSCRIPTION) == Some(id)
            && of_project.is_none_or(|one| one == project)
    }

    pub(super) fn has_source(&self) -> bool {
        self.attributes.contains_key(SOURCE_SUBSCRIPTION)
    }

    /// Returns the id of the message before it was dead-lettered. Pub/Sub does not keep it.
    pub(super) fn original_id(&self) -> Option<&str> {
        self.attribute(MESSAGE_ID_ATTRIBUTE)
    }

    /// Returns the number of replays so far.
    pub(super) fn replays(&self) -> u32 {
        let count = self.attribute(REPLAY_COUNT_ATTRIBUTE);
        count.and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// Returns the name of the next replay. Two dead letters of one failure have the same, as after a crash of the service.
    fn replay_id(&self) -> String {
        match (self.attribute(EXPORTED_ID_ATTRIBUTE), self.original_id()) {
            (Some(exported), _) => exported.to_owned(),
            (None, Some(original)) => format!("{original}:{}", self.replays()),
            (None, None) => self.id.clone(),
        }
    }

    /// Returns true if the dead letter comes from a file.
    pub(super) fn is_imported(&self) -> bool {
        self.attributes.contains_key(EXPORTED_ID_ATTRIBUTE)
    }

    pub(super) fn group(&self) -> Group {
        let subscription = self.attribute(SOURCE_SUBSCRIPTION).unwrap_or("unknown");
        let reason = self.attribute(REASON_ATTRIBUTE).unwrap_or(ATTEMPTS);
        let error = self.attribute(ERROR_ATTRIBUTE).unwrap_or_default();
        let digits = hash::digits(format!("{subscription}\n{reason}\n{error}").as_bytes());
        Group {
            group: digits.chars().take(8).collect(),
            subscription: subscription.to_owned(),
            reason: reason.to_owned(),
            error: error.to_owned(),
        }
    }

    /// Returns the number of bytes that the dead letter occupies.
    pub(super) fn bytes(&self) -> usize {
        let (Data::Text(data) | Data::Base64(data)) = &self.data;
        let attributes = self.attributes.iter();
        attributes.fold(data.len(), |bytes, (name, value)| {
            bytes + name.len() + value.len()
        })
    }

    /// Returns the attributes of a replay to the subscription of this project.
    fn replayed_attributes(&self, (project, id): (&str, &str)) -> BTreeMap<String, String> {
        let mut attributes = self.attributes.clone();
        for name in [EXPORTED_ID_ATTRIBUTE, ERROR_ATTRIBUTE, REASON_ATTRIBUTE] {
            attributes.remove(name);
        }
        let added = [
            (SOURCE_PROJECT, project.to_owned()),
            (SOURCE_SUBSCRIPTION, id.to_owned()),
            (REPLAY_OF_ATTRIBUTE, self.replay_id()),
            (REPLAY_COUNT_ATTRIBUTE, (self.replays() + 1).to_string()),
        ];
        attributes.extend(added.map(|(name, value)| (name.to_owned(), value)));
        attributes
    }

    /// Returns the body of a push of the replay (Google, *Push subscriptions*). It has the id and the time of the message, so that
    /// logs and traces show one message.
    pub(super) fn push(&self, subscription: &str, source: (&str, &str)) -> Value {
        let published = self.publish_time.format(&Rfc3339).unwrap_or_default();
        let published = self.attribute(PUBLISH_TIME_ATTRIBUTE).unwrap_or(&published);
        json!({
            "message": {
                "data": self.base64(),
                "attributes": self.replayed_attributes(source),
                "messageId": self.original_id().unwrap_or(&self.id),
                "publishTime": published,
                "orderingKey": self.ordering_key,
            },
            "subscription": subscription,
        })
    }

    /// Returns the message of a replay by the topic.
    pub(super) fn draft(&self, source: (&str, &str)) -> Result<Draft, LetterError> {
        self.with(self.replayed_attributes(source))
    }

    /// Returns the message that makes this line a dead letter again. Its replay is the same as one of the exported dead letter, or
    /// `again` another one.
    pub(super) fn imported(&self, again: bool) -> Result<Draft, LetterError> {
        let mut attributes = self.attributes.clone();
        let id = match again {
            true => Uuid::new_v4().to_string(),
            false => self.replay_id(),
        };
        attributes.insert(EXPORTED_ID_ATTRIBUTE.to_owned(), id);
        self.with(attributes)
    }

    fn with(&self, attributes: BTreeMap<String, String>) -> Result<Draft, LetterError> {
        Ok(Draft {
            data: match &self.data {
                Data::Text(text) => text.clone().into(),
                Data::Base64(text) => BASE64_STANDARD.decode(text)?.into(),
            },
            attributes: attributes.into_iter().collect(),
            ordering_key: self.ordering_key.clone(),
        })
    }

    fn base64(&self) -> String {
        match &self.data {
            Data::Text(text) => BASE64_STANDARD.encode(text),
            Data::Base64(text) => text.clone(),
        }
    }
}

impl fmt::Display for Letter {
    /// Writes the whole dead letter for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Group {
            group,
            subscription,
            reason,
            error,
        } = self.group();
        let published = self.publish_time.format(&Rfc3339).unwrap_or_default();
        writeln!(f, "dead letter    {}, published {published}", self.id)?;
        writeln!(f, "subscription   {subscription}")?;
        writeln!(f, "reason         {reason} (group {group})")?;
        if !error.is_empty() {
            writeln!(f, "error          {}", printable(&error))?;
        }
        if let Some(id) = self.original_id() {
            writeln!(f, "message        {id}")?;
        }
        writeln!(f, "replays        {}", self.replays())?;
        if !self.ordering_key.is_empty() {
            writeln!(f, "ordering key   {}", printable(&self.ordering_key))?;
        }
        for (name, value) in &self.attributes {
            let (name, value) = (printable(name), printable(value));
            writeln!(f, "attribute      {name} = {value}")?;
        }
        match &self.data {
            Data::Text(text) => {
                let lines = text.split('\n').map(printable);
                writeln!(f, "\n{}", lines.collect::<Vec<_>>().join("\n"))
            }
            Data::Base64(text) => writeln!(f, "\n{text}  (base64)"),
        }
    }
}

/// Escapes control characters, by which a message could change what a terminal shows.
pub(super) fn printable(text: &str) -> String {
    let escape = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_change_what_a_terminal_shows() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(printable("Grüße, 東京"), "Grüße, 東京");
    }

    #[test]
    fn bytes_survive_an_export() {
        for (data, form) in [("eyJuIjoxLjB9", "text"), ("/wA=", "base64")] {
            let pulled =
                json!({"data": data, "messageId": "1", "publishTime": "2026-12-01T00:00:00.5Z"});
            let pulled: Pulled = serde_json::from_value(pulled).expect("a message");
            let letter = Letter::try_from(pulled).expect("a dead letter");
            let line = serde_json::to_string(&letter).expect("JSON");
            assert!(line.contains(&format!("\"{form}\":")), "{line}");
            let read: Letter = serde_json::from_str(&line).expect("the same");
            assert_eq!(read, letter);
            assert_eq!(read.base64(), data);
        }
    }
}
