//! The idempotency keys of each subscription at the last release, `m2m/released/subscriptions/<id>.json`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{FOLDER, ReleasedError, read};
use crate::subscriber::{Idempotency, Subscriber};

const SUBSCRIPTIONS: &str = "subscriptions";

/// The parts of the key under which a handled message is remembered. Under another key it is not found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// `messageId`, `attribute`, `payload`, `function` or `none`.
    kind: String,
    /// The attribute's name, or the JSON Pointer.
    place: Option<String>,
    pub(crate) epoch: u64,
}

impl Keys {
    pub(crate) fn of(subscriber: &Subscriber) -> Self {
        let idempotency = subscriber.idempotency.as_ref();
        Self {
            // A declaration without one is rejected before it is released.
            kind: idempotency.map_or("none", Idempotency::kind).to_owned(),
            place: idempotency.and_then(Idempotency::place).map(str::to_owned),
            epoch: subscriber.dedup.epoch.into(),
        }
    }

    /// Returns true if both recognise a message by the same key; the epoch is ignored.
    pub(crate) fn names_as(&self, other: &Self) -> bool {
        (&self.kind, &self.place) == (&other.kind, &other.place)
    }

    /// Returns the key in words.
    pub(crate) fn shown(&self) -> String {
        match &self.place {
            Some(place) => format!("{} {place:?}", self.kind),
            None => self.kind.clone(),
        }
    }

    fn parse(record: &Value) -> Option<Self> {
        let idempotency = record.get("idempotency")?;
        let place = idempotency.get("key").filter(|key| !key.is_null());
        Some(Self {
            kind: idempotency.get("kind")?.as_str()?.to_owned(),
            place: match place {
                Some(place) => Some(place.as_str()?.to_owned()),
                None => None,
            },
            epoch: record.get("epoch")?.as_u64()?,
        })
    }
}

/// Returns the released keys of this subscription, or `None` if there are none.
///
/// # Errors
/// If the file cannot be read, or is no such record.
pub(crate) fn released_keys(
    subscriber: &Subscriber,
    root: &Path,
) -> Result<Option<Keys>, ReleasedError> {
    let path = file(root, &subscriber.id);
    if !path.exists() {
        return Ok(None);
    }
    let record = read(&path)?;
    match Keys::parse(&record) {
        Some(keys) => Ok(Some(keys)),
        None => Err(ReleasedError::NoRecord(path)),
    }
}

/// Makes the declared keys the released ones, and returns the files.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn write(
    subscribers: &[Subscriber],
    root: &Path,
) -> Result<Vec<PathBuf>, ReleasedError> {
    let folder = root.join(FOLDER).join(SUBSCRIPTIONS);
    fs::create_dir_all(&folder).map_err(|error| ReleasedError::File(folder.clone(), error))?;
    let mut written = Vec::new();
    for subscriber in subscribers {
        let Keys { kind, place, epoch } = Keys::of(subscriber);
        let mut record = json!({"epoch": epoch, "idempotency": {"key": place, "kind": kind}});
        record.sort_all_objects();
        let path = file(root, &subscriber.id);
        fs::write(&path, format!("{record:#}\n"))
            .map_err(|error| ReleasedError::File(path.clone(), error))?;
        written.push(path);
    }
    Ok(written)
}

/// Returns the file. A name with a slash is rejected as a declaration.
fn file(root: &Path, id: &str) -> PathBuf {
    root.join(FOLDER)
        .join(SUBSCRIPTIONS)
        .join(format!("{}.json", id.replace(['/', '\\'], "_")))
}
