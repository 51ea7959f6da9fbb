//! Reads messages line by line, each bounded in size.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use crate::loggable::encoding::{Utf16, utf8};

/// The most bytes of a line: more than the largest message needs, with its attributes and the white space around it.
const LINE_BYTES: u64 = 16 << 20;
/// The lines that are read ahead.
const LINES_AHEAD: usize = 16;

/// The origin of the messages.
pub(super) enum Source {
    One(String),
    File(File, PathBuf),
    Stdin,
}

/// The text of a message.
pub(super) struct Line {
    /// Counted from 1, or `None` for a single message.
    pub(super) number: Option<u64>,
    /// Without the end of the line.
    pub(super) text: Result<Vec<u8>, LineError>,
}

/// A line that cannot be read. Later ones can only be read after one that is too long.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("longer than {LINE_BYTES} bytes")]
    TooLong,
    #[error(transparent)]
    Encoding(#[from] Utf16),
    #[error("cannot be read")]
    Read(#[from] io::Error),
}

#[derive(Debug, thiserror::Error)]
#[error("cannot open {0}")]
pub(super) struct OpenError(String, #[source] io::Error);

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let open = || match File::open(path)? {
            file if file.metadata()?.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            file => Ok(file),
        };
        let file = open().map_err(|error| OpenError(path.display().to_string(), error))?;
        Ok(Self::File(file, path.to_owned()))
    }

    /// Reads on a thread of its own, a few lines ahead.
    pub(super) fn lines(self) -> mpsc::Receiver<Line> {
        let (sender, receiver) = mpsc::channel(LINES_AHEAD);
        tokio::task::spawn_blocking(move || match self {
            Self::One(text) => {
                let text = Ok(text.into_bytes());
                let number = None;
                let _ = sender.blocking_send(Line { number, text });
            }
            Self::File(file, _) => send(BufReader::new(file), &sender),
            Self::Stdin => send(io::stdin().lock(), &sender),
        });
        receiver
    }
}

/// Sends all lines, or those until the command ends.
fn send(reader: impl BufRead, sender: &mpsc::Sender<Line>) {
    for (number, text) in lines(reader) {
        let number = Some(number);
        if sender.blocking_send(Line { number, text }).is_err() {
            return;
        }
    }
}

/// Returns the numbered lines of a text, until one cannot be read.
pub(super) fn lines(
    mut reader: impl BufRead,
) -> impl Iterator<Item = (u64, Result<Vec<u8>, LineError>)> {
    let mut is_readable = true;
    (1..).map_while(move |number| {
        if !is_readable {
            return None;
        }
        let text = read_line(&mut reader, number == 1).transpose()?;
        is_readable = matches!(text, Ok(_) | Err(LineError::TooLong));
        Some((number, text))
    })
}

fn read_line(reader: &mut impl BufRead, is_first: bool) -> Result<Option<Vec<u8>>, LineError> {
    let mut text = Vec::new();
    let mut bounded = reader.by_ref().take(LINE_BYTES + 1);
    if bounded.read_until(b'\n', &mut text)? == 0 {
        return Ok(None);
    }
    if text.pop_if(|last| *last == b'\n').is_some() {
        text.pop_if(|last| *last == b'\r');
    } else if text.len() as u64 > LINE_BYTES {
        reader.skip_until(b'\n')?;
        return Err(LineError::TooLong);
    }
    match is_first {
        true => Ok(Some(utf8(&text)?.to_vec())),
        false => Ok(Some(text)),
    }
}

impl Line {
    /// True if the line is to be skipped. A single message never is.
    pub(super) fn is_blank(&self) -> bool {
        let text = self.text.as_ref();
        self.number.is_some() && text.is_ok_and(|text| is_blank(text))
    }
}

pub(super) fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    fn lines(text: &[u8]) -> Vec<String> {
        super::lines(text)
            .map(|(number, text)| match text {
                Ok(text) => format!("{number} {}", String::from_utf8_lossy(&text)),
                Err(error) => error.to_string(),
            })
            .collect()
    }

    #[test]
    fn lines_end_as_on_any_system() {
        assert_eq!(lines(b"a\r\n\nb"), ["1 a", "2 ", "3 b"]);
        assert_eq!(lines(b"a\n"), ["1 a"]);
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(
            lines(b"\xef\xbb\xbf{}\n\xef\xbb\xbf"),
            ["1 {}", "2 \u{feff}"]
        );
    }

    #[test]
    fn utf_16_ends_the_lines_with_an_error() {
        let rejected = lines(b"\xff\xfe{\0}\0\n\0{\0}\0");
        assert_eq!(rejected.len(), 1);
        assert!(
            rejected[0].contains("is UTF-16, expected UTF-8"),
            "{rejected:?}"
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped() {
        let mut text = vec![b'x'; 17 << 20];
        text.extend_from_slice(b"\nb\n");
        assert_eq!(lines(&text), ["longer than 16777216 bytes", "2 b"]);
    }
}
