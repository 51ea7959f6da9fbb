//! A record as a document.
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `state` | string | `held` (claimed), `begun` (claimed, and the run has begun), `lost` (claimed, and the run of an earlier owner never ended), `parked` (by an operator) or `done` |
//! | `owner` | string | the owner of the claim |
//! | `attempt` | integer | the number of the claim: 1, or more after claims that expired |
//! | `since` | timestamp | the server's time of the last write; a lease begins here |
//! | `lease_ms` | integer | milliseconds from `since` until the lease expires |
//! | `expires` | timestamp | the end of the window, for a TTL policy. A document past it counts as absent, since the policy may need a day |
//! | `fingerprint` | string | the fingerprint of the payload, if the ticket has one |
//! | `subscription`, `id` | string | for operators: the name of the document is a hash |
//!
//! A text of an operator is a document with `name`, `text`, `since` and `expires`.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as api;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::precondition::ConditionType;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::value::ValueType;
use prost_types::Timestamp;
use uuid::Uuid;

use super::super::{Fingerprint, MessageKey, StoreError, Ticket};

/// The field that the server sets (Google, *DocumentTransform.FieldTransform*, `REQUEST_TIME`).
pub(super) const SINCE: &str = "since";

/// The fields of a document.
pub(super) type Fields = HashMap<String, api::Value>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Claimed,
    /// Claimed, and the owner's run has begun.
    Begun,
    /// Claimed, and the run of an earlier owner never ended.
    RunLost,
    /// An operator has parked the message.
    Parked,
    Done,
}

impl State {
    const ALL: [Self; 5] = [
        Self::Claimed,
        Self::Begun,
        Self::RunLost,
        Self::Parked,
        Self::Done,
    ];

    fn text(self) -> &'static str {
        match self {
            // Stored documents have this text, so it does not change.
            Self::Claimed => "held",
            Self::Begun => "begun",
            Self::RunLost => "lost",
            Self::Parked => "parked",
            Self::Done => "done",
        }
    }

    /// Returns the state after a takeover.
    pub(super) fn taken_over(self) -> Self {
        match self {
            Self::Begun | Self::RunLost => Self::RunLost,
            Self::Parked => Self::Parked,
            Self::Claimed | Self::Done => Self::Claimed,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) state: State,
    pub(super) owner: Uuid,
    pub(super) number: u32,
    pub(super) lease: Duration,
    /// The time for which it is remembered, from its writing. Zero in a record that was read.
    pub(super) window: Duration,
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) since: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
}

/// A document at one moment of the server's time.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// `None` if there is no such document.
    pub(super) record: Option<Record>,
    pub(super) update_time: Option<Timestamp>,
    pub(super) read_time: Timestamp,
}

impl Record {
    pub(super) fn of(ticket: &Ticket, state: State, number: u32) -> Self {
        Self {
            state,
            owner: ticket.owner,
            number,
            lease: ticket.lease,
            window: ticket.window.max(ticket.lease),
            fingerprint: ticket.fingerprint,
            since: None,
            expires: None,
        }
    }

    /// Returns the fields to write. The server adds `since`.
    pub(super) fn fields(&self, key: &MessageKey, server_now: SystemTime) -> Fields {
        let lease = i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX);
        let mut fields = vec![
            ("state", text(self.state.text())),
            ("owner", text(&self.owner.simple().to_string())),
            ("attempt", ValueType::IntegerValue(self.number.into())),
            ("lease_ms", ValueType::IntegerValue(lease)),
            (
                "expires",
                ValueType::TimestampValue((server_now + self.window).into()),
            ),
            ("subscription", text(&key.subscription)),
            ("id", text(&key.id)),
        ];
        if let Some(fingerprint) = self.fingerprint {
            fields.push(("fingerprint", text(&fingerprint.to_string())));
        }
        collect(fields)
    }

    /// Reads a document. One that pushgate did not write is corrupt.
    pub(super) fn read(document: &api::Document) -> Result<Self, StoreError> {
        Self::read_fields(&document.fields).ok_or(StoreError::Corrupt)
    }

    fn read_fields(fields: &Fields) -> Option<Self> {
        let get = |name: &str| fields.get(name)?.value_type.as_ref();
        let string = |name: &str| match get(name)? {
            ValueType::StringValue(text) => Some(text.as_str()),
            _ => None,
        };
        let integer = |name: &str| match get(name)? {
            ValueType::IntegerValue(number) => Some(*number),
            _ => None,
        };
        let timestamp = |name: &str| match get(name)? {
            ValueType::TimestampValue(time) => Some(*time),
            _ => None,
        };
        Some(Self {
            state: {
                let text = string("state")?;
                State::ALL.into_iter().find(|state| state.text() == text)?
            },
            owner: string("owner")?.parse().ok()?,
            number: integer("attempt")?.try_into().ok()?,
            lease: Duration::from_millis(integer("lease_ms")?.try_into().ok()?),
            window: Duration::ZERO,
            fingerprint: string("fingerprint").and_then(|text| text.parse().ok()),
            since: Some(timestamp(SINCE)?),
            expires: Some(timestamp("expires")?),
        })
    }
}

impl Snapshot {
    /// Returns true if the window has expired. The deletion may take a day more (Google, *TTL policies*).
    pub(super) fn is_expired(&self, record: &Record) -> bool {
        record
            .expires
            .is_some_and(|expires| nanoseconds(&expires) <= nanoseconds(&self.read_time))
    }

    /// Returns true if the lease has expired.
    pub(super) fn has_expired_lease(&self, record: &Record) -> bool {
        let lease = i128::try_from(record.lease.as_nanos()).unwrap_or(i128::MAX);
        record.since.is_some_and(|since| {
            nanoseconds(&since).saturating_add(lease) <= nanoseconds(&self.read_time)
        })
    }

    /// Returns the condition that the document has not changed since.
    pub(super) fn unchanged(&self) -> ConditionType {
        self.update_time
            .map_or(ConditionType::Exists(false), ConditionType::UpdateTime)
    }

    /// Returns the snapshot if it has a record of this owner that has not expired.
    pub(super) fn owned_by(self, owner: Uuid) -> Option<Self> {
        let is_owners = self
            .record
            .as_ref()
            .is_some_and(|record| record.owner == owner && !self.is_expired(record));
        is_owners.then_some(self)
    }
}

/// Returns a hash as the name of the document: message ids increase, and would concentrate in one range of the database (Google,
/// *Best practices*: no monotonically increasing ids).
pub(super) fn document_id(key: &impl Display) -> String {
    let hash = digest(&SHA256, key.to_string().as_bytes());
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Returns the fields of a text, which operators have beside the records. The server adds `since`.
pub(super) fn text_fields(name: &str, content: &str, expires: SystemTime) -> Fields {
    collect([
        ("name", text(name)),
        ("text", text(content)),
        ("expires", ValueType::TimestampValue(expires.into())),
    ])
}

/// Returns the text and the end of its window.
pub(super) fn read_text(fields: &Fields) -> Option<(&str, Timestamp)> {
    match (
        fields.get("text")?.value_type.as_ref()?,
        fields.get("expires")?.value_type.as_ref()?,
    ) {
        (ValueType::StringValue(text), ValueType::TimestampValue(expires)) => {
            Some((text, *expires))
        }
        _ => None,
    }
}

fn collect(fields: impl IntoIterator<Item = (&'static str, ValueType)>) -> Fields {
    let value = |value_type| api::Value {
        value_type: Some(value_type),
    };
    fields
        .into_iter()
        .map(|(name, content)| (name.to_owned(), value(content)))
        .collect()
}

pub(super) fn nanoseconds(time: &Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

fn text(text: &str) -> ValueType {
    ValueType::StringValue(text.to_owned())
}
