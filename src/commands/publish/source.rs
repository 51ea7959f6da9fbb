//! Where messages come from, line by line.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use crate::loggable::encoding::{Utf16, utf8};

/// More than the largest message needs, its attributes and the white space around it included.
const LINE_BYTES: u64 = 16 << 20;
/// Lines that wait to be published.
const LINES: usize = 16;

/// Where messages come from.
pub(super) enum Source {
    One(String),
    File(File, PathBuf),
    Stdin,
}

/// One line, without its end.
pub(super) struct Line {
    /// From 1; of a single message 1, too.
    pub(super) number: u64,
    pub(super) text: Vec<u8>,
}

/// Why there are no more lines, or one cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    #[error("cannot open {0}")]
    Open(String, #[source] io::Error),
    #[error("longer than {LINE_BYTES} bytes")]
    TooLong { number: u64 },
    #[error(transparent)]
    Encoding(#[from] Utf16),
    #[error("cannot be read")]
    Read {
        number: u64,
        #[source]
        source: io::Error,
    },
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let name = || path.display().to_string();
        let file = File::open(path).map_err(|error| SourceError::Open(name(), error))?;
        if !file.metadata()?.is_dir() {
            return Ok(Self::File(file, path.to_owned()));
        }
        Err(SourceError::Open(name(), io::ErrorKind::IsADirectory.into()).into())
    }

    pub(super) fn is_many(&self) -> bool {
        !matches!(self, Self::One(_))
    }

    /// Reads on a thread of its own, a few lines ahead.
    pub(super) fn lines(self) -> mpsc::Receiver<Result<Line, SourceError>> {
        let (sender, lines) = mpsc::channel(LINES);
        tokio::task::spawn_blocking(move || match self {
            Self::One(text) => {
                let text = text.into_bytes();
                let _ = sender.blocking_send(Ok(Line { number: 1, text }));
            }
            Self::File(file, _) => send(BufReader::new(file), &sender),
            Self::Stdin => send(io::stdin().lock(), &sender),
        });
        lines
    }
}

fn send(reader: impl BufRead, sender: &mpsc::Sender<Result<Line, SourceError>>) {
    for line in Lines::of(reader) {
        let is_last = matches!(
            line,
            Err(SourceError::Read { .. } | SourceError::Encoding(_))
        );
        // Nobody reads on: the command ends.
        if sender.blocking_send(line).is_err() || is_last {
            return;
        }
    }
}

/// The lines of a text, bounded in length.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn of(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        let mut bounded = self.reader.by_ref().take(LINE_BYTES + 1);
        if bounded.read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        if text.ends_with(b"\n") {
            text.pop();
            if text.ends_with(b"\r") {
                text.pop();
            }
        } else if text.len() as u64 > LINE_BYTES {
            self.reader.skip_until(b'\n')?;
        }
        Ok(Some(text))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Line, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.number += 1;
        let number = self.number;
        match self.read() {
            Ok(None) => None,
            Ok(Some(text)) if text.len() as u64 > LINE_BYTES => {
                Some(Err(SourceError::TooLong { number }))
            }
            Ok(Some(text)) if number == 1 => Some(match utf8(&text) {
                Ok(text) => Ok(Line {
                    number,
                    text: text.to_vec(),
                }),
                Err(error) => Err(error.into()),
            }),
            Ok(Some(text)) => Some(Ok(Line { number, text })),
            Err(source) => Some(Err(SourceError::Read { number, source })),
        }
    }
}

impl Line {
    pub(super) fn is_blank(&self) -> bool {
        self.text.iter().all(u8::is_ascii_whitespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<String> {
        Lines::of(text)
            .map(|line| match line {
                Ok(line) => format!("{} {}", line.number, String::from_utf8_lossy(&line.text)),
                Err(error) => error.to_string(),
            })
            .collect()
    }

    #[test]
    fn lines_end_as_on_any_system_and_the_last_one_needs_no_end() {
        assert_eq!(lines(b"a\r\n\nb"), ["1 a", "2 ", "3 b"]);
        assert_eq!(lines(b"a\n"), ["1 a"]);
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_utf_16_is_refused() {
        assert_eq!(
            lines(b"\xef\xbb\xbf{}\n\xef\xbb\xbf"),
            ["1 {}", "2 \u{feff}"]
        );
        let refused = lines(b"\xff\xfe{\0}\0");
        assert!(
            refused[0].contains("is UTF-16, expected UTF-8"),
            "{refused:?}"
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_the_next_one_read() {
        let mut text = vec![b'x'; 17 << 20];
        text.extend_from_slice(b"\nb\n");
        assert_eq!(lines(&text), ["longer than 16777216 bytes", "2 b"]);
    }
}
