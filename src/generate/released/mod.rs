//! The last release: the message types that other publishers still use, `<Type>.json`, and the idempotency keys
//! of each subscription.

mod change;
mod comparison;
mod flat;
mod keys;
mod limits;
mod values;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

pub(crate) use self::change::{Change, Effect};
pub(crate) use self::keys::{Keys, released_keys};
use super::schemas::{is_file_name, json_type};
use crate::loggable::encoding::{Utf16, utf8};
use crate::subscriber::Subscriber;

/// A schema is some kilobytes.
const LIMIT_BYTES: u64 = 1 << 20;

/// The reason why the released schemas cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReleasedError {
    #[error("cannot read or write {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("{} has more than {LIMIT_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
    #[error("{} is not a JSON object: write it again by `generate --release`", .0.display())]
    NotJson(PathBuf, #[source] serde_json::Error),
    #[error("{} is not the record of a subscription: write it again by `generate --release`", .0.display())]
    NotRecord(PathBuf, #[source] serde_json::Error),
    #[error("cannot read {}", .0.display())]
    Encoding(PathBuf, #[source] Utf16),
    #[error("the message type {0:?} cannot name a file")]
    Name(String),
}

/// The comparison with the released types.
#[derive(Debug)]
pub(crate) enum Comparison {
    /// There is no release.
    Never,
    /// The changes by type; a type without changes is left out.
    Since(BTreeMap<String, Since>),
}

/// The comparison with one released type.
#[derive(Debug)]
pub(crate) enum Since {
    Changed(Vec<Change>),
    Gone,
}

/// Compares the types that are read now with those that were released.
///
/// # Errors
/// If the folder cannot be read, or a file in it is not JSON.
pub(crate) fn compare(
    subscribers: &[Subscriber],
    folder: &Path,
) -> Result<Comparison, ReleasedError> {
    let Some(released) = released(folder)? else {
        return Ok(Comparison::Never);
    };
    let current = current(subscribers);
    let mut changed = BTreeMap::new();
    for (name, old) in released {
        let since = match current.get(name.as_str()) {
            Some(new) => Since::Changed(comparison::compare(&old, new)),
            None => Since::Gone,
        };
        if !matches!(&since, Since::Changed(changes) if changes.is_empty()) {
            changed.insert(name, since);
        }
    }
    Ok(Comparison::Since(changed))
}

/// Writes the current types and keys as the released ones. The file of a removed type stays, until a person deletes it because
/// no publisher is left.
///
/// # Errors
/// If the folder or a file cannot be written, or a type's name cannot name a file.
pub(crate) fn write(
    subscribers: &[Subscriber],
    folder: &Path,
) -> Result<Vec<PathBuf>, ReleasedError> {
    fs::create_dir_all(folder).map_err(|error| ReleasedError::File(folder.to_owned(), error))?;
    let mut written = Vec::new();
    for (name, schema) in current(subscribers) {
        if !is_file_name(name) {
            return Err(ReleasedError::Name(name.to_owned()));
        }
        let path = folder.join(format!("{name}.json"));
        let text = format!("{schema:#}\n");
        fs::write(&path, text).map_err(|error| ReleasedError::File(path.clone(), error))?;
        written.push(path);
    }
    written.extend(keys::write(subscribers, folder)?);
    Ok(written)
}

/// Returns the JSON Schemas of all types that are read, by name.
pub(crate) fn current(subscribers: &[Subscriber]) -> BTreeMap<&str, Value> {
    let mut types = BTreeMap::new();
    for (name, schema) in subscribers.iter().filter_map(json_type) {
        types.entry(name).or_insert_with(|| schema().to_value());
    }
    types
}

fn released(folder: &Path) -> Result<Option<BTreeMap<String, Value>>, ReleasedError> {
    let failed = |error| ReleasedError::File(folder.to_owned(), error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(failed)?,
    };
    let mut released = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        if let (Some(name), Some("json")) = (name, path.extension().and_then(|end| end.to_str())) {
            released.insert(name.to_owned(), read(&path)?);
        }
    }
    Ok(Some(released).filter(|released| !released.is_empty()))
}

fn read(path: &Path) -> Result<Value, ReleasedError> {
    let failed = |error| ReleasedError::File(path.to_owned(), error);
    let mut text = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(LIMIT_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if !u64::try_from(text.len()).is_ok_and(|length| length <= LIMIT_BYTES) {
        return Err(ReleasedError::TooLarge(path.to_owned()));
    }
    let text = utf8(&text).map_err(|error| ReleasedError::Encoding(path.to_owned(), error))?;
    serde_json::from_slice::<Map<_, _>>(text)
        .map(Value::Object)
        .map_err(|error| ReleasedError::NotJson(path.to_owned(), error))
}

#[cfg(test)]
mod tests;
