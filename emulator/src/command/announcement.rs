//! The output of the command when it has started.

use std::io::{ErrorKind, Result, Write};

use emulator::{Bootstrap, Bootstrapped, Emulator};

/// Prints shell commands to the output, as for `$(cat FILE)`, and everything else to the log. A reader that stops early, or
/// never reads, does not stop the emulator.
pub(crate) fn announce(
    emulator: &Emulator,
    project: &str,
    declared: &Bootstrap,
    done: &Bootstrapped,
) -> Result<()> {
    // Printed first, since the next line means that everything is ready.
    let exported = export(&mut std::io::stdout().lock(), emulator, project);
    explain(&mut std::io::stderr().lock(), emulator, declared, done).ok();
    match exported {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        exported => exported,
    }
}

fn export(output: &mut impl Write, emulator: &Emulator, project: &str) -> Result<()> {
    let url = emulator.url();
    let host = url.trim_start_matches("http://");
    writeln!(output, "export PUBSUB_EMULATOR_HOST={host}")?;
    writeln!(output, "export PUBSUB_PROJECT_ID={project}")?;
    output.flush()
}

fn explain(
    output: &mut impl Write,
    emulator: &Emulator,
    declared: &Bootstrap,
    done: &Bootstrapped,
) -> Result<()> {
    let (url, issuer) = (emulator.url(), emulator.issuer());
    writeln!(output, "issuer of push tokens: {}", issuer.url())?;
    writeln!(output, "its keys: {}", issuer.keys_url())?;
    let seed = emulator.seed();
    writeln!(output, "faults are decided by --seed {seed}")?;
    writeln!(output, "console: {url}/console/")?;
    for name in &done.created {
        writeln!(output, "created {name}")?;
    }
    for name in &done.kept {
        writeln!(output, "kept {name} as it was")?;
    }
    for note in &declared.notes {
        writeln!(output, "note: {note}")?;
    }
    match done.published {
        0 => {}
        1 => writeln!(output, "published 1 message")?,
        count => writeln!(output, "published {count} messages")?,
    }
    // The text of Google's emulator, for which tools wait.
    let port = emulator.address().port();
    writeln!(output, "Server started, listening on {port}")
}
