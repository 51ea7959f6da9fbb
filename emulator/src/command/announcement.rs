//! What the command prints once it listens.

use std::io::{ErrorKind, Result, Write};

use emulator::{Bootstrap, Bootstrapped, Emulator};

/// The output can be evaluated by a shell: what is not a command is a comment. Who reads only its beginning, as `head` does,
/// has the emulator go on all the same.
pub(crate) fn announce(
    emulator: &Emulator,
    project: &str,
    begun: &(Bootstrap, Bootstrapped),
) -> Result<()> {
    let mut output = std::io::stdout().lock();
    match write(&mut output, emulator, project, begun) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn write(
    output: &mut impl Write,
    emulator: &Emulator,
    project: &str,
    begun: &(Bootstrap, Bootstrapped),
) -> Result<()> {
    let url = emulator.url();
    let host = url.trim_start_matches("http://");
    writeln!(output, "export PUBSUB_EMULATOR_HOST={host}")?;
    writeln!(output, "export PUBSUB_PROJECT_ID={project}")?;
    writeln!(
        output,
        "# issuer of push tokens: {}",
        emulator.issuer().url()
    )?;
    writeln!(output, "# its keys: {}", emulator.issuer().keys_url())?;
    let seed = emulator.seed();
    writeln!(output, "# faults are decided by --seed {seed}")?;
    writeln!(output, "# console: {url}/console/")?;
    let (declared, done) = begun;
    for name in &done.created {
        writeln!(output, "# created {name}")?;
    }
    for name in &done.kept {
        writeln!(output, "# kept {name} as it was")?;
    }
    for note in &declared.notes {
        writeln!(output, "# note: {note}")?;
    }
    match done.published {
        0 => {}
        1 => writeln!(output, "# published 1 message")?,
        count => writeln!(output, "# published {count} messages")?,
    }
    output.flush()
}
