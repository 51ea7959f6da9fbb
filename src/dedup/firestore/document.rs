//! What a record looks like as a document.
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `state` | string | `held`, `begun` (the owner's run has begun), `lost` (held, and an earlier owner's run never ended) or `done` |
//! | `owner` | string | whose claim it is or was |
//! | `attempt` | integer | 1, or more after claims that lapsed |
//! | `since` | timestamp | the server's time of the last write; a lease begins here |
//! | `lease_ms` | integer | milliseconds from `since` until the claim lapses |
//! | `expires` | timestamp | for a TTL policy; a document past it counts as absent, since the policy may take a day |
//! | `fingerprint` | string | of the payload, where the ticket has one |
//! | `subscription`, `id` | string | for people: the document's own name is a hash |

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as api;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::precondition::ConditionType;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::value::ValueType;
use prost_types::Timestamp;
use uuid::Uuid;

use super::super::{Fingerprint, MessageKey, StoreError, Ticket};

/// Written by the server (Google, *DocumentTransform.FieldTransform*, `REQUEST_TIME`).
pub(super) const SINCE: &str = "since";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Held,
    /// Held, and the owner's run has begun.
    Begun,
    /// Held, and a run that an earlier owner began never ended.
    Lost,
    Done,
}

impl State {
    const ALL: [Self; 4] = [Self::Held, Self::Begun, Self::Lost, Self::Done];

    fn text(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Begun => "begun",
            Self::Lost => "lost",
            Self::Done => "done",
        }
    }

    /// The state once another owner has taken the claim over.
    pub(super) fn taken_over(self) -> Self {
        match self {
            Self::Begun | Self::Lost => Self::Lost,
            Self::Held | Self::Done => Self::Held,
        }
    }
}

/// A record, as it is to be written or was read.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) state: State,
    pub(super) owner: Uuid,
    pub(super) number: u32,
    pub(super) lease: Duration,
    /// How long it is to be remembered, counted from its writing.
    pub(super) window: Duration,
    pub(super) fingerprint: Option<Fingerprint>,
    since: Option<Timestamp>,
    expires: Option<Timestamp>,
}

/// A document as it was at one moment of the server's time.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// `None`: there is no such document.
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

    /// The fields that are written; `since` is added by the server.
    pub(super) fn fields(
        &self,
        key: &MessageKey,
        server_now: SystemTime,
    ) -> HashMap<String, api::Value> {
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
        let value = |value_type| api::Value {
            value_type: Some(value_type),
        };
        fields
            .into_iter()
            .map(|(name, content)| (name.to_owned(), value(content)))
            .collect()
    }

    /// Reads a document; one that pushgate did not write is corrupt.
    pub(super) fn read(document: &api::Document) -> Result<Self, StoreError> {
        Self::read_fields(&document.fields).ok_or(StoreError::Corrupt)
    }

    fn read_fields(fields: &HashMap<String, api::Value>) -> Option<Self> {
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

impl Seen {
    /// Whether its window is over, although it was not deleted yet: that takes up to a day (Google, *TTL policies*).
    pub(super) fn is_expired(&self, record: &Record) -> bool {
        record
            .expires
            .is_some_and(|expires| nanoseconds(&expires) <= nanoseconds(&self.read_time))
    }

    /// Whether its lease has ended.
    pub(super) fn has_expired_lease(&self, record: &Record) -> bool {
        let lease = i128::try_from(record.lease.as_nanos()).unwrap_or(i128::MAX);
        record.since.is_some_and(|since| {
            nanoseconds(&since).saturating_add(lease) <= nanoseconds(&self.read_time)
        })
    }

    /// The condition that nobody has written since.
    pub(super) fn unchanged(&self) -> ConditionType {
        self.update_time
            .map_or(ConditionType::Exists(false), ConditionType::UpdateTime)
    }

    /// This, if it is a live record of that owner.
    pub(super) fn claim_of(self, owner: Uuid) -> Option<Self> {
        let is_owners = self
            .record
            .as_ref()
            .is_some_and(|record| record.owner == owner && !self.is_expired(record));
        is_owners.then_some(self)
    }
}

/// A name that spreads: ids of messages grow, and neighbours would share one range of the database (Google, *Best
/// practices*: no monotonically increasing ids).
pub(super) fn document_id(key: &MessageKey) -> String {
    let hash = digest(&SHA256, key.to_string().as_bytes());
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(super) fn nanoseconds(time: &Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

fn text(text: &str) -> ValueType {
    ValueType::StringValue(text.to_owned())
}
