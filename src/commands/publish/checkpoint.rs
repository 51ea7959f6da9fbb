//! Records on disk which lines of a file are confirmed. A crash or a power failure loses no recorded line.

use std::error::Error;
use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::LINE_BYTES;
use crate::commands::lines::lines;
use crate::dedup::Fingerprint;
use crate::publisher::new_event_id;

/// The first word of a checkpoint, with the version of the form.
const FORM: &str = "pushgate-publish-3";
const MAX_HEADER_BYTES: u64 = 1_024;
/// The digits of a fingerprint, and the end of the line.
const RECORD_BYTES: usize = 17;

/// An open checkpoint. Its first line names its form, the topic and the prefix of event ids. A record for each line of the source
/// follows: the line's fingerprint if it is confirmed, else zero bytes.
pub(super) struct Checkpoint {
    /// Locked, so that no other run uses it.
    file: File,
    header_bytes: u64,
    /// The prefix of event ids, the same in every run.
    pub(super) prefix: String,
}

impl Checkpoint {
    /// Opens the checkpoint at this path, or makes a new one, and verifies that the confirmed lines of the source are unchanged.
    pub(super) fn open(path: &Path, topic: &str, source: &Path) -> Result<Self, Box<dyn Error>> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err("another run is publishing with it: wait for its end".into());
            }
            locked => locked?,
        }
        let header = header(&file, path, topic)?;
        let prefix = match header.split_whitespace().collect::<Vec<_>>()[..] {
            [FORM, found, prefix] if found == topic => prefix.to_owned(),
            [FORM, found, _] => return Err(format!("it is the checkpoint of {found}, not of {topic}: name another file").into()),
            _ => return Err("it is no checkpoint of pushgate publish, or one of another version: name another file".into()),
        };
        let header_bytes = header.len() as u64;
        let checkpoint = Self {
            file,
            header_bytes,
            prefix,
        };
        let source_name = source.display();
        match checkpoint.matches(source) {
            Ok(true) => Ok(checkpoint),
            Ok(false) => Err(format!("{source_name} has changed in lines that it records as published: undo the change, or name another checkpoint").into()),
            Err(error) => Err(format!("cannot read {source_name}: {error}").into()),
        }
    }

    /// Returns true if the confirmed lines of the source are unchanged.
    fn matches(&self, source: &Path) -> io::Result<bool> {
        let bytes = self.file.metadata()?.len() - self.header_bytes;
        let records = bytes.div_ceil(RECORD_BYTES as u64);
        let mut source = File::open(source)?;
        // The source is opened and read once more afterwards, which a pipe cannot be.
        source.rewind()?;
        let mut lines = lines(BufReader::new(source), LINE_BYTES);
        for number in 1..=records.max(1) {
            let found = match lines.next().map(|line| line.text) {
                Some(Ok(text)) => Some(Fingerprint::of(&text)),
                Some(Err(error)) if error.kind() != ErrorKind::FileTooLarge => return Err(error),
                _ => None,
            };
            let recorded = self.recorded(number)?;
            if recorded.is_some() && recorded != found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the fingerprint of a line if it is confirmed. A missing or incomplete record has zero bytes, which are no digits.
    pub(super) fn recorded(&self, line: u64) -> io::Result<Option<Fingerprint>> {
        let mut record = [0; RECORD_BYTES];
        self.file.read_at(&mut record, self.place(line))?;
        let digits = str::from_utf8(&record).ok();
        Ok(digits.and_then(|digits| digits.trim_end().parse().ok()))
    }

    /// Writes the records of confirmed lines to the disk.
    pub(super) fn confirm(&self, lines: &[(u64, Fingerprint)]) -> io::Result<()> {
        for (line, fingerprint) in lines {
            let record = format!("{fingerprint}\n");
            self.file
                .write_all_at(record.as_bytes(), self.place(*line))?;
        }
        self.file.sync_data()
    }

    fn place(&self, line: u64) -> u64 {
        self.header_bytes + (line - 1) * RECORD_BYTES as u64
    }
}

/// Reads the first line. That of a new file is written before anything is sent, so that lines in flight at a crash keep their
/// event ids.
fn header(file: &File, path: &Path, topic: &str) -> io::Result<String> {
    let mut header = String::new();
    let mut start = BufReader::new(file).take(MAX_HEADER_BYTES);
    start.read_line(&mut header)?;
    if header.is_empty() {
        header = format!("{FORM} {topic} {}\n", new_event_id());
        file.write_all_at(header.as_bytes(), 0)?;
        file.sync_all()?;
        if let Some(folder) = path.canonicalize()?.parent() {
            File::open(folder)?.sync_all()?;
        }
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source, and a checkpoint in which its lines 1 and 3 are confirmed.
    struct Scene {
        folder: std::path::PathBuf,
        checkpoint: Checkpoint,
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    impl Scene {
        fn new() -> Self {
            let folder = std::env::temp_dir().join(format!("pushgate-{}", new_event_id()));
            std::fs::create_dir(&folder).expect("a folder");
            let path = folder.join("checkpoint");
            let source = folder.join("source");
            std::fs::write(&source, "").expect("a file");
            let topic = "projects/p/topics/t";
            let checkpoint = Checkpoint::open(&path, topic, &source).expect("a checkpoint");
            let confirmed = [(3, Fingerprint::of(b"c")), (1, Fingerprint::of(b"a"))];
            checkpoint.confirm(&confirmed).expect("recorded");
            Self { folder, checkpoint }
        }

        fn is_confirmed(&self, line: u64) -> bool {
            let recorded = self.checkpoint.recorded(line);
            recorded.expect("readable").is_some()
        }

        fn matches(&self, source: &str) -> bool {
            let path = self.folder.join("source");
            std::fs::write(&path, source).expect("a file");
            self.checkpoint.matches(&path).expect("readable")
        }
    }

    #[test]
    fn a_line_is_published_until_it_is_confirmed() {
        let scene = Scene::new();
        let lines = (1..=4).map(|line| scene.is_confirmed(line));
        assert_eq!(lines.collect::<Vec<_>>(), [true, false, true, false]);
    }

    #[test]
    fn an_incomplete_record_is_none() {
        let scene = Scene::new();
        let (file, place) = (&scene.checkpoint.file, scene.checkpoint.place(4));
        file.write_all_at(b"0123456789", place).expect("written");
        assert!(!scene.is_confirmed(4));
    }

    #[test]
    fn unconfirmed_lines_may_change() {
        assert!(Scene::new().matches("a\nhush\nc\nd\n"));
    }

    #[test]
    fn a_confirmed_line_must_not_change() {
        assert!(!Scene::new().matches("a\nb\nd\n"));
    }

    #[test]
    fn a_confirmed_line_must_not_move() {
        assert!(!Scene::new().matches("a\nc\nb\n"));
    }

    #[test]
    fn a_confirmed_line_must_not_be_removed() {
        assert!(!Scene::new().matches("a\nb\n"));
    }
}
