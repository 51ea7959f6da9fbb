//! The idempotency keys of each subscription at the last release, `subscriptions/<id>.json`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ReleasedError, read};
use crate::subscriber::{Idempotency, Subscriber};

const SUBSCRIPTIONS: &str = "subscriptions";

/// The parts of the key under which a handled message is remembered, as they are recorded. Under another key it is not found.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keys {
    pub(crate) epoch: u64,
    idempotency: Key,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    /// The attribute's name, or the JSON Pointer.
    key: Option<String>,
    /// `messageId`, `attribute`, `payload`, `function` or `none`.
    kind: String,
}

impl Keys {
    pub(crate) fn of(subscriber: &Subscriber) -> Self {
        let idempotency = subscriber.idempotency.as_ref();
        Self {
            epoch: subscriber.dedup.epoch.into(),
            idempotency: Key {
                key: idempotency.and_then(Idempotency::place).map(str::to_owned),
                // A declaration without one is rejected before it is released.
                kind: idempotency.map_or("none", Idempotency::kind).to_owned(),
            },
        }
    }

    /// Returns true if both recognise a message by the same key; the epoch is ignored.
    pub(crate) fn names_as(&self, other: &Self) -> bool {
        self.idempotency == other.idempotency
    }

    /// Returns the key in words.
    pub(crate) fn shown(&self) -> String {
        let Key { key, kind } = &self.idempotency;
        match key {
            Some(place) => format!("{kind} {place:?}"),
            None => kind.clone(),
        }
    }
}

/// Returns the released keys of this subscription, or `None` if there are none.
///
/// # Errors
/// If the file cannot be read, or is no such record.
pub(crate) fn released_keys(
    subscriber: &Subscriber,
    folder: &Path,
) -> Result<Option<Keys>, ReleasedError> {
    let path = file(folder, &subscriber.id);
    if !path.exists() {
        return Ok(None);
    }
    match serde_json::from_value(read(&path)?) {
        Ok(keys) => Ok(Some(keys)),
        Err(error) => Err(ReleasedError::NotRecord(path, error)),
    }
}

/// Makes the declared keys the released ones, and returns the files.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn write(
    subscribers: &[Subscriber],
    folder: &Path,
) -> Result<Vec<PathBuf>, ReleasedError> {
    let own = folder.join(SUBSCRIPTIONS);
    fs::create_dir_all(&own).map_err(|error| ReleasedError::File(own.clone(), error))?;
    let mut written = Vec::new();
    for subscriber in subscribers {
        let record = json!(Keys::of(subscriber));
        let path = file(folder, &subscriber.id);
        fs::write(&path, format!("{record:#}\n"))
            .map_err(|error| ReleasedError::File(path.clone(), error))?;
        written.push(path);
    }
    Ok(written)
}

/// Returns the file. A name with a slash is rejected as a declaration.
fn file(folder: &Path, id: &str) -> PathBuf {
    folder
        .join(SUBSCRIPTIONS)
        .join(format!("{}.json", id.replace(['/', '\\'], "_")))
}
