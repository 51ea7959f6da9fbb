//! What commands print. A reader that has gone, as after `| head`, changes neither what a command does nor how it ends.

use std::io::{self, Write};

/// Prints to the standard output.
///
/// # Errors
/// Everything but a reader that has gone: what is lost then was wanted.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    unless_gone(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Turns the error of a reader that has gone into success.
pub(super) fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints a line to the standard error, where `eprintln!` would panic without a reader.
pub(super) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
