//! The output of the command when it has started.

use std::io::{ErrorKind, Result, Write};
use std::path::Path;

use emulator::{Bootstrap, Bootstrapped, Emulator};

use super::gcloud::{Gcloud, PREFIX};

/// The facts that the command prints.
pub(crate) struct Announcement<'a> {
    pub(crate) emulator: &'a Emulator,
    /// The exported project.
    pub(crate) project: &'a str,
    /// The file of the generated certificate, if the port has one.
    pub(crate) trusted: Option<&'a Path>,
    pub(crate) declared: &'a Bootstrap,
    pub(crate) done: &'a Bootstrapped,
}

impl Announcement<'_> {
    /// Prints shell commands to the output, as for `$(cat FILE)`, and everything else to the log. A reader that stops early, or
    /// never reads, does not stop the emulator. In the form of gcloud everything goes to the log, with its prefix.
    pub(crate) fn print(&self, gcloud: Option<&Gcloud>) -> Result<()> {
        let mut log = Vec::new();
        self.explain(&mut log)?;
        if let Some(gcloud) = gcloud {
            self.prefixed(&mut std::io::stderr().lock(), &log, gcloud)
                .ok();
            return Ok(());
        }
        // Printed first, since the next line means that everything is ready.
        let exported = self.export(&mut std::io::stdout().lock());
        std::io::stderr().lock().write_all(&log).ok();
        match exported {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            exported => exported,
        }
    }

    /// Writes the lines as gcloud does, and the notes on its flags before the last one, for which tools wait.
    fn prefixed(&self, output: &mut impl Write, log: &[u8], gcloud: &Gcloud) -> Result<()> {
        let log = String::from_utf8_lossy(log);
        let (before, last) = log.trim_end().rsplit_once('\n').unwrap_or(("", &log));
        for line in before.lines() {
            writeln!(output, "{PREFIX}{line}")?;
        }
        for flag in &gcloud.ignored {
            writeln!(output, "{PREFIX}note: {flag} has no effect here")?;
        }
        if let Some(host) = self.plain_host()
            && let Err(error) = gcloud.save(host)
        {
            writeln!(output, "{PREFIX}note: env-init will not work: {error}")?;
        }
        writeln!(output, "{PREFIX}INFO: {last}")
    }

    /// Returns the address in the form of `PUBSUB_EMULATOR_HOST`, which means a port without TLS.
    fn plain_host(&self) -> Option<&str> {
        self.emulator.issuer().url().strip_prefix("http://")
    }

    fn export(&self, output: &mut impl Write) -> Result<()> {
        match self.plain_host() {
            Some(host) => writeln!(output, "export PUBSUB_EMULATOR_HOST={host}")?,
            // The variable of gcloud.
            None => writeln!(
                output,
                "export CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB={}/",
                self.emulator.url()
            )?,
        }
        if let Some(file) = self.trusted {
            let quoted = file.display().to_string().replace('\'', r"'\''");
            // The variable of gRPC's libraries.
            writeln!(output, "export GRPC_DEFAULT_SSL_ROOTS_FILE_PATH='{quoted}'")?;
        }
        writeln!(output, "export PUBSUB_PROJECT_ID={}", self.project)?;
        output.flush()
    }

    fn explain(&self, output: &mut impl Write) -> Result<()> {
        let (url, issuer) = (self.emulator.url(), self.emulator.issuer());
        writeln!(output, "issuer of push tokens: {}", issuer.url())?;
        writeln!(output, "its keys: {}", issuer.keys_url())?;
        let seed = self.emulator.seed();
        writeln!(output, "faults are decided by --seed {seed}")?;
        writeln!(output, "console: {url}/console/")?;
        if let Some(file) = self.trusted {
            writeln!(output, "certificate to trust: {}", file.display())?;
        }
        for name in &self.done.created {
            writeln!(output, "created {name}")?;
        }
        for name in &self.done.kept {
            writeln!(output, "kept {name} as it was")?;
        }
        for note in &self.declared.notes {
            writeln!(output, "note: {note}")?;
        }
        match self.done.published {
            0 => {}
            1 => writeln!(output, "published 1 message")?,
            count => writeln!(output, "published {count} messages")?,
        }
        // The text of Google's emulator, for which tools wait.
        let port = self.emulator.address().port();
        writeln!(output, "Server started, listening on {port}")
    }
}
