//! Records on disk which lines of a file are confirmed. A crash or a power failure loses no recorded line.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::source::{LineError, is_blank, lines};
use crate::loggable::decoding::decode;
use crate::publisher::new_event_id;

const VERSION: u32 = 2;

/// The progress of publishing a file, in this run and earlier ones. Its serialized fields are the content of the file.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checkpoint {
    /// The version of this form.
    pushgate_publish: u32,
    topic: String,
    /// The prefix of event ids, the same in every run.
    pub(super) run: String,
    last_line: u64,
    /// The lines up to `last_line` that are in flight or have failed.
    unconfirmed: BTreeSet<u64>,
    /// The sum of the fingerprints of the confirmed lines. The order does not matter: a line that failed is confirmed later.
    fingerprint: u64,
    #[serde(skip)]
    path: PathBuf,
    /// The source and `CHECKPOINT.lock`, which keep other runs away while they are open.
    #[serde(skip)]
    locked: Vec<File>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum CheckpointError {
    #[error("cannot read {0}")]
    Read(String, #[source] io::Error),
    #[error("cannot write {0}: messages confirmed from now on would be published again")]
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
        "{source_name} has changed in lines that {path} records as published: undo the change, or name another checkpoint"
    )]
    OtherSource { path: String, source_name: String },
    #[error("another run with --resume is publishing {0}: wait for its end")]
    Busy(String),
}

impl Checkpoint {
    /// Opens the checkpoint at this path, or makes a new one, and verifies that the confirmed lines of the source are unchanged.
    pub(super) fn open(
        path: &Path,
        topic: String,
        source: &File,
        source_name: &Path,
    ) -> Result<Self, CheckpointError> {
        let name = source_name.display().to_string();
        let read = |error| CheckpointError::Read(name.clone(), error);
        let mut source = source.try_clone().map_err(read)?;
        lock(&source, format!("from {name}"), read)?;
        // The checkpoint itself is replaced with each save, so another file beside it carries the lock.
        let write = |error| CheckpointError::Write(path.display().to_string(), error);
        let beside = File::create(with_suffix(path, ".lock")).map_err(write)?;
        let busy = format!("with the checkpoint {}", path.display());
        lock(&beside, busy, write)?;
        let mut checkpoint = Self::load(path, topic)?;
        if checkpoint.fingerprint_of(&source).map_err(read)? != checkpoint.fingerprint {
            return Err(CheckpointError::OtherSource {
                path: path.display().to_string(),
                source_name: name,
            });
        }
        source.rewind().map_err(read)?;
        checkpoint.path = path.to_owned();
        checkpoint.locked = vec![source, beside];
        // Saved before anything is sent, so that lines in flight keep their event ids.
        checkpoint.save()?;
        Ok(checkpoint)
    }

    fn load(path: &Path, topic: String) -> Result<Self, CheckpointError> {
        let name = path.display().to_string();
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    pushgate_publish: VERSION,
                    topic,
                    run: new_event_id(),
                    ..Self::default()
                });
            }
            read => read.map_err(|error| CheckpointError::Read(name.clone(), error))?,
        };
        match decode::<Self>(&text) {
            Ok(found) if found.pushgate_publish == VERSION && found.topic == topic => Ok(found),
            Ok(found) if found.pushgate_publish == VERSION => Err(CheckpointError::OtherTopic {
                path: name,
                found: found.topic,
                expected: topic,
            }),
            _ => Err(CheckpointError::Foreign(name)),
        }
    }

    /// Reads the confirmed lines again.
    fn fingerprint_of(&self, source: &File) -> io::Result<u64> {
        let mut sum = 0_u64;
        for (line, text) in lines(BufReader::new(source)) {
            let text = match text {
                Ok(text) => text,
                Err(LineError::TooLong) => continue,
                Err(LineError::Read(error)) => return Err(error),
                Err(LineError::Encoding(error)) => return Err(io::Error::other(error)),
            };
            if line > self.last_line {
                break;
            }
            if !is_blank(&text) && !self.unconfirmed.contains(&line) {
                sum = sum.wrapping_add(fingerprint(line, &text));
            }
        }
        Ok(sum)
    }

    /// Notes that a line is about to be published. Returns false if it is confirmed already.
    pub(super) fn begin(&mut self, line: u64) -> bool {
        if line <= self.last_line {
            return self.unconfirmed.contains(&line);
        }
        self.last_line = line;
        self.unconfirmed.insert(line)
    }

    pub(super) fn confirm(&mut self, line: u64, fingerprint: u64) {
        if self.unconfirmed.remove(&line) {
            self.fingerprint = self.fingerprint.wrapping_add(fingerprint);
        }
    }

    pub(super) fn save(&self) -> Result<(), CheckpointError> {
        self.replace()
            .map_err(|error| CheckpointError::Write(self.path.display().to_string(), error))
    }

    /// Replaces the file as a whole, so that it is complete at any time.
    fn replace(&self) -> io::Result<()> {
        let draft = with_suffix(&self.path, ".new");
        let mut file = File::create(&draft)?;
        file.write_all((serde_json::to_string(self)? + "\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)?;
        let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Returns a hash of a line and its place. It detects accidents, not attacks.
pub(super) fn fingerprint(line: u64, text: &[u8]) -> u64 {
    let mut context = Context::new(&SHA256);
    context.update(&line.to_le_bytes());
    context.update(text);
    let digest = context.finish();
    u64::from_le_bytes(digest.as_ref().first_chunk().copied().unwrap_or_default())
}

fn lock(
    file: &File,
    busy: String,
    failed: impl Fn(io::Error) -> CheckpointError,
) -> Result<(), CheckpointError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => CheckpointError::Busy(busy),
        TryLockError::Error(error) => failed(error),
    })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_published_until_it_is_confirmed() {
        let mut checkpoint = Checkpoint::default();
        assert!(checkpoint.begin(1) && checkpoint.begin(3));
        checkpoint.confirm(3, 33);
        assert!(checkpoint.begin(1) && !checkpoint.begin(3));
        checkpoint.confirm(1, 11);
        assert!(!checkpoint.begin(1) && checkpoint.begin(4));
        assert_eq!(checkpoint.fingerprint, 44);
    }

    #[test]
    fn equal_lines_in_one_place_have_one_fingerprint() {
        assert_eq!(fingerprint(1, b"a"), fingerprint(1, b"a"));
    }

    #[test]
    fn a_fingerprint_depends_on_the_place() {
        assert_ne!(fingerprint(1, b"a"), fingerprint(2, b"a"));
    }

    #[test]
    fn a_fingerprint_depends_on_the_text() {
        assert_ne!(fingerprint(1, b"a"), fingerprint(1, b"b"));
    }
}
