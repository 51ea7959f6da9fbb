//! Which lines of a file are confirmed, kept so that neither a kill nor a power failure loses it.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::source::{Line, Lines, SourceError};
use crate::loggable::decoding::decode;
use crate::loggable::encoding::utf8;
use crate::publisher::new_event_id;

const VERSION: u32 = 1;

/// What a run has published so far.
pub(super) struct Checkpoint {
    path: PathBuf,
    topic: String,
    /// The same in each run that goes on with this file: event ids are made of it.
    pub(super) run: String,
    pub(super) confirmed: Ranges,
    fingerprint: Fingerprint,
    /// Locked, so that no other run publishes the same lines.
    _source: File,
    /// Locked, so that no other run forgets what this one has published.
    _lock: File,
}

/// The file's content.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    pushgate_publish: u32,
    topic: String,
    run: String,
    /// First and last line of each stretch.
    confirmed: Vec<(u64, u64)>,
    /// Of all confirmed lines, in hexadecimal digits.
    fingerprint: String,
}

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckpointError {
    #[error("cannot read {0}")]
    Read(String, #[source] io::Error),
    #[error("cannot write {0}: what is confirmed from now on would be published again")]
    Write(String, #[source] io::Error),
    #[error(
        "{0} is no checkpoint of pushgate publish, or one of another version: name another file"
    )]
    Foreign(String),
    #[error("{path} is the checkpoint of {found}, not of {expected}: name another file")]
    OtherTopic {
        path: String,
        found: String,
        expected: String,
    },
    #[error(
        "{source_name} has changed in lines that {path} says are published: undo that, or name another checkpoint"
    )]
    OtherSource { path: String, source_name: String },
    #[error("another run with --resume is publishing {0}, wait for its end")]
    Busy(String),
}

/// A hash of lines and their places, whatever their order. It finds accidents, not attacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fingerprint(u128);

impl Fingerprint {
    pub(super) fn of(line: &Line) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&line.number.to_le_bytes());
        context.update(&line.text);
        let digest = context.finish();
        let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
        Self(u128::from_le_bytes(first))
    }

    fn add(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl Checkpoint {
    /// The one at this path, or a new one. The file it belongs to must begin as it did then.
    pub(super) fn open(
        path: &Path,
        topic: String,
        source: &File,
        source_name: &Path,
    ) -> Result<Self, CheckpointError> {
        let name = source_name.display().to_string();
        let read = |error| CheckpointError::Read(name.clone(), error);
        let source = source.try_clone().map_err(read)?;
        match source.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(CheckpointError::Busy(format!("from {name}")));
            }
            Err(TryLockError::Error(error)) => return Err(read(error)),
        }
        let lock = lock(path)?;
        let mut checkpoint = Self {
            _lock: lock,
            path: path.to_owned(),
            topic,
            run: new_event_id(),
            confirmed: Ranges::default(),
            fingerprint: Fingerprint::default(),
            _source: source.try_clone().map_err(read)?,
        };
        checkpoint.load()?;
        checkpoint.compare(source, &name)?;
        // Kept before anything is sent: the event ids of what is on its way must not be lost.
        checkpoint.save()?;
        Ok(checkpoint)
    }

    fn load(&mut self) -> Result<(), CheckpointError> {
        let path = self.path.display().to_string();
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(CheckpointError::Read(path, error)),
        };
        let foreign = || CheckpointError::Foreign(path.clone());
        let text = utf8(&text)
            .map_err(|error| CheckpointError::Read(path.clone(), io::Error::other(error)))?;
        let saved: Saved = decode(text).map_err(|_| foreign())?;
        if saved.pushgate_publish != VERSION {
            return Err(foreign());
        }
        if saved.topic != self.topic {
            let (found, expected) = (saved.topic, self.topic.clone());
            return Err(CheckpointError::OtherTopic {
                path,
                found,
                expected,
            });
        }
        self.run = saved.run;
        self.confirmed = Ranges(saved.confirmed.into_iter().collect());
        let fingerprint = u128::from_str_radix(&saved.fingerprint, 16).map_err(|_| foreign())?;
        self.fingerprint = Fingerprint(fingerprint);
        Ok(())
    }

    /// Reads the confirmed lines once more.
    fn compare(&self, mut source: File, name: &str) -> Result<(), CheckpointError> {
        let read = |error| CheckpointError::Read(name.to_owned(), error);
        let last = self.confirmed.last();
        let mut found = Fingerprint::default();
        for line in Lines::of(BufReader::new(&source)) {
            let line = match line {
                Ok(line) => line,
                // It was not confirmed.
                Err(SourceError::TooLong { .. }) => continue,
                Err(SourceError::Read { source, .. } | SourceError::Open(_, source)) => {
                    return Err(read(source));
                }
                Err(SourceError::Encoding(error)) => return Err(read(io::Error::other(error))),
            };
            if line.number > last {
                break;
            }
            if self.confirmed.contains(line.number) {
                found.add(Fingerprint::of(&line));
            }
        }
        source.rewind().map_err(read)?;
        if found == self.fingerprint {
            return Ok(());
        }
        Err(CheckpointError::OtherSource {
            path: self.path.display().to_string(),
            source_name: name.to_owned(),
        })
    }

    pub(super) fn add(&mut self, number: u64, fingerprint: Fingerprint) {
        self.confirmed.add(number);
        self.fingerprint.add(fingerprint);
    }

    /// Replaces the file as a whole, so that it is always a good one.
    pub(super) fn save(&self) -> Result<(), CheckpointError> {
        self.replace()
            .map_err(|error| CheckpointError::Write(self.path.display().to_string(), error))
    }

    fn replace(&self) -> io::Result<()> {
        let mut draft = self.path.as_os_str().to_owned();
        draft.push(".new");
        let saved = Saved {
            pushgate_publish: VERSION,
            topic: self.topic.clone(),
            run: self.run.clone(),
            confirmed: self
                .confirmed
                .0
                .iter()
                .map(|(first, last)| (*first, *last))
                .collect(),
            fingerprint: format!("{:032x}", self.fingerprint.0),
        };
        let mut file = File::create(&draft)?;
        serde_json::to_writer(&mut file, &saved)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)?;
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Two sources with one checkpoint would forget what each other has published. The file itself cannot be locked, since it is
/// replaced.
fn lock(path: &Path) -> Result<File, CheckpointError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let written = |error| CheckpointError::Write(path.display().to_string(), error);
    let file = File::create(name).map_err(written)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CheckpointError::Busy(format!(
            "with the checkpoint {}",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(written(error)),
    }
}

/// Numbers, as first and last of each stretch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    pub(super) fn contains(&self, number: u64) -> bool {
        let before = self.0.range(..=number).next_back();
        before.is_some_and(|(_, last)| number <= *last)
    }

    fn last(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(_, last)| *last)
    }

    fn add(&mut self, number: u64) {
        if self.contains(number) {
            return;
        }
        let before = self.0.range(..number).next_back();
        let first = match before {
            Some((first, last)) if last + 1 == number => *first,
            _ => number,
        };
        let last = self.0.remove(&(number + 1)).unwrap_or(number);
        self.0.insert(first, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(numbers: &[u64]) -> Vec<(u64, u64)> {
        let mut ranges = Ranges::default();
        numbers.iter().for_each(|number| ranges.add(*number));
        numbers
            .iter()
            .for_each(|number| assert!(ranges.contains(*number)));
        ranges.0.into_iter().collect()
    }

    #[test]
    fn numbers_become_stretches_in_any_order() {
        assert_eq!(ranges(&[1, 2, 3]), [(1, 3)]);
        assert_eq!(ranges(&[3, 1, 2, 2]), [(1, 3)]);
        assert_eq!(ranges(&[5, 1, 7, 2]), [(1, 2), (5, 5), (7, 7)]);
        assert_eq!(ranges(&[5, 1, 7, 2, 6]), [(1, 2), (5, 7)]);
        assert!(!Ranges::default().contains(1));
    }

    #[test]
    fn a_fingerprint_depends_on_lines_and_places_but_not_on_the_order_of_answers() {
        let of = |number, text: &str| {
            Fingerprint::of(&Line {
                number,
                text: text.into(),
            })
        };
        let sum = |parts: &[Fingerprint]| {
            let mut sum = Fingerprint::default();
            parts.iter().for_each(|part| sum.add(*part));
            sum
        };
        assert_eq!(
            sum(&[of(1, "a"), of(2, "b")]),
            sum(&[of(2, "b"), of(1, "a")])
        );
        assert_ne!(
            sum(&[of(1, "a"), of(2, "b")]),
            sum(&[of(1, "b"), of(2, "a")])
        );
    }
}
