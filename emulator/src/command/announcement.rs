//! The output of the command when it has started.

use std::io::{ErrorKind, Result, Write};

use emulator::{Bootstrap, Bootstrapped, Emulator};

use super::gcloud::{Gcloud, PREFIX};

/// Prints shell commands to the output, as for `$(cat FILE)`, and everything else to the log. A reader that stops early, or
/// never reads, does not stop the emulator. In the form of gcloud everything goes to the log, with its prefix.
pub(crate) fn announce(
    emulator: &Emulator,
    project: &str,
    declared: &Bootstrap,
    done: &Bootstrapped,
    gcloud: Option<&Gcloud>,
) -> Result<()> {
    let mut log = Vec::new();
    explain(&mut log, emulator, declared, done)?;
    if let Some(gcloud) = gcloud {
        prefixed(&mut std::io::stderr().lock(), &log, gcloud, emulator).ok();
        return Ok(());
    }
    // Printed first, since the next line means that everything is ready.
    let exported = export(&mut std::io::stdout().lock(), emulator, project);
    std::io::stderr().lock().write_all(&log).ok();
    match exported {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        exported => exported,
    }
}

/// Writes the lines as gcloud does, and the notes on its flags before the last one, for which tools wait.
fn prefixed(
    output: &mut impl Write,
    log: &[u8],
    gcloud: &Gcloud,
    emulator: &Emulator,
) -> Result<()> {
    let log = String::from_utf8_lossy(log);
    let (before, last) = log.trim_end().rsplit_once('\n').unwrap_or(("", &log));
    for line in before.lines() {
        writeln!(output, "{PREFIX}{line}")?;
    }
    for flag in &gcloud.ignored {
        writeln!(output, "{PREFIX}note: {flag} has no effect here")?;
    }
    if let Err(error) = gcloud.save(host(emulator)) {
        writeln!(output, "{PREFIX}note: env-init will not work: {error}")?;
    }
    writeln!(output, "{PREFIX}INFO: {last}")
}

/// Returns the address in the form of `PUBSUB_EMULATOR_HOST`.
fn host(emulator: &Emulator) -> &str {
    emulator.issuer().url().trim_start_matches("http://")
}

fn export(output: &mut impl Write, emulator: &Emulator, project: &str) -> Result<()> {
    let host = host(emulator);
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
