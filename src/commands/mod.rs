//! The command line: one file a subcommand.

mod check;
mod describe;
#[cfg(feature = "dev")]
mod dev;
mod generate;
mod output;
mod publish;
mod root;
mod serve;

use std::num::NonZero;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::environment::Environment;
use crate::loggable::whole_chain;
use crate::server::Running;
use crate::service::Service;
use crate::telemetry;

/// Receives Google Cloud Pub/Sub pushes and runs each message's handler once.
#[derive(Parser)]
#[command(name = "pushgate", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The service: what the container runs.
    #[command(after_help = serve::settings_help())]
    Serve(serve::Arguments),
    /// The whole system on this machine: emulator and service, tokens checked for real, example messages flowing.
    #[cfg(feature = "dev")]
    Dev(dev::Arguments),
    #[cfg(not(feature = "dev"))]
    #[command(hide = true)]
    Dev(Absent),
    /// The declarations as JSON: needs no settings and no store, and says what is wrong with them as serve does.
    Describe(describe::Arguments),
    /// Writes what follows from the declarations: documents, schemas, Terraform's variables. Needs no settings either.
    Generate(generate::Arguments),
    /// Everything that goes wrong in production and can be known before: declarations, files, released schemas, a plan.
    #[command(after_help = check::EXIT_CODES)]
    Check(check::Arguments),
    /// A message, or each line of a file, to a topic: checked against what its subscribers read.
    #[command(after_help = publish::HELP)]
    Publish(Box<publish::Arguments>),
}

/// The arguments of a command that this build leaves out.
#[cfg(not(feature = "dev"))]
#[derive(clap::Args)]
struct Absent {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<std::ffi::OsString>,
}

#[cfg(not(feature = "dev"))]
const WITHOUT_DEV: &str = "this program is built without pushgate's feature \"dev\": add features = [\"dev\"] to pushgate in Cargo.toml, or a feature of your own that turns pushgate/dev on, and build again";

impl Command {
    /// What a failure ends with.
    fn failure(&self) -> ExitCode {
        match self {
            Self::Check(_) => ExitCode::from(check::NOT_CHECKED),
            _ => ExitCode::FAILURE,
        }
    }
}

impl Service {
    /// Runs the command line: `pushgate serve`, `pushgate dev`, …
    #[must_use]
    pub fn run(self) -> ExitCode {
        run(self, Arguments::parse())
    }
}

fn run(service: Service, arguments: Arguments) -> ExitCode {
    // Two providers in one binary would make rustls panic later; this one is the only one, and an earlier choice is the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // With one thread, a handler that computes would stop leases, health and leaving.
    let threads = std::thread::available_parallelism()
        .map_or(1, NonZero::get)
        .max(2);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, false, ExitCode::FAILURE),
    };
    let environment = Environment::of_process();
    let is_json = telemetry::wants_json(&environment);
    let failure = arguments.command.failure();
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Serve(arguments) => serve::run(service, &arguments, environment).await,
            #[cfg(feature = "dev")]
            Command::Dev(arguments) => dev::run(service, &arguments, environment).await,
            #[cfg(not(feature = "dev"))]
            Command::Dev(_) => Err(WITHOUT_DEV.into()),
            Command::Describe(arguments) => describe::run(&service, &arguments),
            Command::Publish(arguments) => publish::run(&service, *arguments, environment).await,
            Command::Check(arguments) => return check::run(&service, &arguments),
            Command::Generate(arguments) => generate::run(&service, &arguments),
        }
        .map(|()| ExitCode::SUCCESS)
    });
    // A handler on a thread cannot be stopped, and is not waited for.
    runtime.shutdown_background();
    done.unwrap_or_else(|error| fail(error.as_ref(), is_json, failure))
}

/// Where logs are JSON, several lines of text would be several entries without a severity.
fn fail(error: &(dyn std::error::Error + 'static), is_json: bool, code: ExitCode) -> ExitCode {
    let text = format!("pushgate: {}", whole_chain(error));
    print_error(if is_json {
        serde_json::json!({"severity": "ERROR", "message": text}).to_string()
    } else {
        text
    });
    code
}

/// Prints to stderr, and exits after a second also when stderr is not read.
fn print_error(text: String) {
    let (printed, waiting) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        output::complain(&text);
        drop(printed);
    });
    let _ = waiting.recv_timeout(Duration::from_secs(1));
}

/// Listens for SIGTERM, as Cloud Run sends it, and ctrl-C. Made before anything else is started, so that none is missed: the
/// first process of a container ignores signals that it does not listen for.
struct Leave {
    terminate: Signal,
    interrupt: Signal,
}

impl Leave {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Drains; whoever insists with a second signal does not wait for it.
    async fn drain(&mut self, running: Running) {
        tokio::select! {
            () = running.drain() => {}
            () = self.told() => tracing::warn!("told to leave twice: running handlers are not waited for"),
        }
    }
}

#[cfg(all(test, not(feature = "dev")))]
mod tests {
    use super::*;

    #[test]
    fn dev_without_its_feature_names_the_feature() {
        let arguments = Arguments::try_parse_from(["pushgate", "dev", "--port", "8080", "-q"]);
        let is_dev = matches!(
            arguments,
            Ok(Arguments {
                command: Command::Dev(_)
            })
        );
        assert!(is_dev && WITHOUT_DEV.contains("features = [\"dev\"]"));
    }
}
