//! Signals, standard output and exit of the process.

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use tokio::signal::unix::{Signal, SignalKind, signal};
use url::Url;

use crate::environment::Environment;
use crate::loggable::whole_chain;
use crate::package::program;
use crate::server::Running;

/// The signals that end the process: SIGTERM, which Cloud Run sends, and SIGINT (ctrl-C). The first process of a container
/// ignores them until it listens, so commands listen before they start anything else.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for a signal.
    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Shuts the service down. Another signal ends the wait for running handlers.
    pub(super) async fn shut_down(&mut self, running: Running) {
        tokio::select! {
            () = running.shut_down() => {}
            () = self.received() => tracing::warn!("second signal: exiting without waiting for running handlers"),
        }
    }
}

/// The end of `--help` of the commands that read a status.
pub(super) const TOKEN_HELP: &str = "\
An operator reads the status of a deployed service at https://SERVICE/operate/, with a token in the environment variable
PUSHGATE_OPERATOR_TOKEN: gcloud auth print-identity-token --impersonate-service-account=ACCOUNT --include-email --audiences=AUDIENCE
ACCOUNT is one of PUSHGATE_OPERATORS, and AUDIENCE one of PUSHGATE_AUDIENCE.";

/// Returns the request of a status, with the operator's token if the environment has one.
pub(super) fn status_request(
    client: &Client,
    url: Url,
    environment: &Environment,
) -> RequestBuilder {
    let request = client.get(url);
    match environment.get("PUSHGATE_OPERATOR_TOKEN") {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// Prints to the standard output. A closed reader, as after `| head`, is no error.
///
/// # Errors
/// If writing fails for another reason.
pub(super) fn print(text: &str) -> io::Result<()> {
    match print_all(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints to the standard output. A closed reader is an error, since the output is the record of what was done.
pub(super) fn print_all(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints the error that ends the process. Where logs are JSON, it is one entry with a severity.
pub(super) fn print_error(error: &(dyn Error + 'static), is_json: bool) {
    let text = format!("{}: {}", program(), whole_chain(error));
    let text = match is_json {
        true => serde_json::json!({"severity": "ERROR", "message": text}).to_string(),
        false => text,
    };
    // A reader that does not read delays the exit by a second at most.
    let (printed, waiting) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _ = writeln!(io::stderr(), "{text}");
        drop(printed);
    });
    let _ = waiting.recv_timeout(Duration::from_secs(1));
}
