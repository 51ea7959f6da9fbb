//! Reads messages line by line, each bounded in size.

use std::io::{self, BufRead, ErrorKind, Read};

use tokio::sync::mpsc;

use crate::loggable::encoding::utf8;

/// The text of a message.
pub(super) struct Line {
    /// Counted from 1, or `None` for a single message.
    pub(super) number: Option<u64>,
    /// Without the end of the line.
    pub(super) text: io::Result<Vec<u8>>,
}

/// Reads on a thread of its own, this number of lines ahead, and skips blank lines.
pub(super) fn read_ahead(
    lines: impl Iterator<Item = Line> + Send + 'static,
    ahead: usize,
) -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(ahead);
    tokio::task::spawn_blocking(move || {
        let is_blank = |text: &Vec<u8>| text.iter().all(u8::is_ascii_whitespace);
        for line in lines {
            let is_skipped = line.number.is_some() && line.text.as_ref().is_ok_and(is_blank);
            if !is_skipped && sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Returns the lines of a text, until one cannot be read. The kind of the error is `FileTooLarge` if a line has more than `most`
/// bytes; lines after it can be read.
pub(super) fn lines(reader: impl BufRead, most: u64) -> impl Iterator<Item = Line> {
    let mut readable = Some(reader);
    (1..).map_while(move |number| {
        let text = read_line(readable.as_mut()?, number == 1, most).transpose()?;
        if matches!(&text, Err(error) if error.kind() != ErrorKind::FileTooLarge) {
            readable = None;
        }
        let number = Some(number);
        Some(Line { number, text })
    })
}

fn read_line(reader: &mut impl BufRead, is_first: bool, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    let mut bounded = reader.by_ref().take(most + 1);
    if bounded.read_until(b'\n', &mut text)? == 0 {
        return Ok(None);
    }
    if text.pop_if(|last| *last == b'\n').is_some() {
        text.pop_if(|last| *last == b'\r');
    } else if text.len() as u64 > most {
        reader.skip_until(b'\n')?;
        let fault = format!("longer than {most} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, fault));
    }
    match is_first {
        true => Ok(Some(utf8(&text).map_err(io::Error::other)?.to_vec())),
        false => Ok(Some(text)),
    }
}

#[cfg(test)]
mod tests {
    fn lines(text: &[u8]) -> Vec<String> {
        (1..)
            .zip(super::lines(text, 1 << 20))
            .map(|(number, line)| match line.text {
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
        let mut text = vec![b'x'; 2 << 20];
        text.extend_from_slice(b"\nb\n");
        assert_eq!(lines(&text), ["longer than 1048576 bytes", "2 b"]);
    }
}
