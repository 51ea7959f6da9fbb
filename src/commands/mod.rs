//! The command line: one file or folder for each subcommand.

mod check;
mod consent;
mod dead_letters;
mod describe;
#[cfg(feature = "dev")]
mod dev;
mod doctor;
mod gateway;
mod generate;
mod google;
mod lines;
mod message;
#[cfg(feature = "dev")]
mod new;
mod operator;
mod pause;
mod process;
mod progress;
mod publish;
mod replay;
mod serve;
mod top;

use std::error::Error;
use std::num::NonZero;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

#[cfg(feature = "testing")]
pub(crate) use self::dev::cloud::Cloud;
use self::process::{print, print_error};
use crate::environment::Environment;
use crate::package::program;
use crate::service::Service;
use crate::telemetry;

/// Receives Google Cloud Pub/Sub pushes and runs each message's handler once.
#[derive(Parser)]
#[command(arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    OfService(ServiceCommand),
    /// Writes a small service of your own, with tests, image and infrastructure.
    #[cfg(feature = "dev")]
    #[command(after_help = new::HELP)]
    New(new::Arguments),
    #[cfg(not(feature = "dev"))]
    #[command(hide = true)]
    New(Absent),
    /// Runs a command for an application in any language, which is declared in a file: verifies, deduplicates and forwards its pushes.
    #[command(after_help = gateway::HELP)]
    Gateway(gateway::Arguments),
    /// Writes the completions of a shell to the standard output.
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// Shell to complete for
        shell: Shell,
    },
}

/// A command for a service, in code or behind a gateway.
#[derive(Subcommand)]
enum ServiceCommand {
    /// Runs the service, as its container does.
    #[command(after_help = serve::settings_help())]
    Serve(serve::Arguments),
    /// Runs the whole system on this machine: emulator, service with real token checks, example messages.
    #[cfg(feature = "dev")]
    Dev(dev::Arguments),
    #[cfg(not(feature = "dev"))]
    #[command(hide = true)]
    Dev(Absent),
    /// Prints the declarations as JSON, or as a table. It needs no settings and no store, and reports the same faults as serve.
    Describe(describe::Arguments),
    /// Writes the files that are derived from the declarations: documents, schemas, Terraform's variables. It needs no settings.
    #[command(after_help = generate::HELP)]
    Generate(generate::Arguments),
    /// Finds mistakes before a deploy: in the declarations, the generated files, the released schemas, a Terraform plan.
    #[command(after_help = check::EXIT_CODES)]
    Check(check::Arguments),
    /// Publishes a message, or each line of a file, after checking it against the topic's subscribers.
    #[command(after_help = publish::HELP)]
    Publish(Box<publish::Arguments>),
    /// Lists, shows, replays, discards, exports and imports dead letters.
    #[command(after_help = dead_letters::HELP)]
    DeadLetters(dead_letters::Arguments),
    /// Shows the record of a message: its state, claims, lease and failures. Forgets, parks or releases it.
    #[command(after_help = message::HELP)]
    Message(message::Arguments),
    /// Runs the messages of a time once more, also those that were handled.
    #[command(after_help = replay::HELP)]
    Replay(replay::Arguments),
    /// Stops the pushes of a subscription, whose messages wait; without a name, lists the paused ones.
    #[command(after_help = pause::HELP)]
    Pause(pause::Arguments),
    /// Begins the pushes of a paused subscription again.
    #[command(after_help = pause::HELP)]
    Resume(pause::Arguments),
    /// Shows the subscriptions of a running service, live: rates, durations, failures, dead letters.
    #[command(after_help = process::TOKEN_HELP)]
    Top(top::Arguments),
    /// Probes a deployed service from outside: health, clock, tokens, keys, subscriptions, pauses.
    #[command(after_help = process::TOKEN_HELP)]
    Doctor(doctor::Arguments),
}

/// The end of the help of `completions`.
const COMPLETIONS: &str = "\
bash:  pushgate completions bash > ~/.local/share/bash-completion/completions/pushgate
zsh:   pushgate completions zsh > ~/.zfunc/_pushgate, with fpath+=~/.zfunc before compinit
fish:  pushgate completions fish > ~/.config/fish/completions/pushgate.fish";

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
    async fn run(
        self,
        service: Service,
        environment: Environment,
    ) -> Result<ExitCode, Box<dyn Error>> {
        match self {
            Self::OfService(command) => return command.run(service, environment).await,
            Self::Gateway(arguments) => return gateway::run(arguments, environment).await,
            Self::Completions { shell } => complete(shell, service),
            #[cfg(feature = "dev")]
            Self::New(arguments) => new::run(&arguments, &environment),
            #[cfg(not(feature = "dev"))]
            Self::New(_) => Err(WITHOUT_DEV.into()),
        }
        .map(|()| ExitCode::SUCCESS)
    }

    /// Returns the exit code of a failure.
    fn failure(&self) -> ExitCode {
        match self {
            Self::OfService(command) => command.failure(),
            Self::Gateway(arguments) => arguments.failure(),
            _ => ExitCode::FAILURE,
        }
    }
}

impl ServiceCommand {
    async fn run(
        self,
        service: Service,
        environment: Environment,
    ) -> Result<ExitCode, Box<dyn Error>> {
        match self {
            Self::Serve(arguments) => serve::run(service, &arguments, environment).await,
            #[cfg(feature = "dev")]
            Self::Dev(arguments) => dev::run(service, &arguments, environment).await,
            #[cfg(not(feature = "dev"))]
            Self::Dev(_) => Err(WITHOUT_DEV.into()),
            Self::Describe(arguments) => describe::run(&service, &arguments),
            Self::Publish(arguments) => publish::run(&service, *arguments, environment).await,
            Self::DeadLetters(arguments) => {
                dead_letters::run(&service, arguments, environment).await
            }
            Self::Message(arguments) => message::run(&service, &arguments, &environment).await,
            Self::Replay(arguments) => replay::run(&service, &arguments, &environment).await,
            Self::Pause(arguments) => pause::pause(&service, &arguments, &environment).await,
            Self::Resume(arguments) => pause::resume(&service, &arguments, &environment).await,
            Self::Doctor(arguments) => doctor::run(&service, &arguments, &environment).await,
            Self::Top(arguments) => top::run(&arguments, &environment).await,
            Self::Check(arguments) => return check::run(&service, &arguments),
            Self::Generate(arguments) => generate::run(&service, &arguments),
        }
        .map(|()| ExitCode::SUCCESS)
    }

    /// Returns the exit code of a failure.
    fn failure(&self) -> ExitCode {
        match self {
            Self::Check(_) => ExitCode::from(check::NOT_CHECKED),
            _ => ExitCode::FAILURE,
        }
    }
}

impl Service {
    /// Runs the command line: `serve`, `dev`, … Help and version have the name of the program.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let matches = named(Arguments::command(), self.package.version.as_deref()).get_matches();
        match Arguments::from_arg_matches(&matches) {
            Ok(arguments) => run(self, arguments),
            Err(error) => error.exit(),
        }
    }
}

/// Prints the completions of a shell.
fn complete(shell: Shell, service: Service) -> Result<(), Box<dyn Error>> {
    let mut command = named(Arguments::command(), service.package.version.as_deref());
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, program(), &mut script);
    Ok(print(&String::from_utf8(script)?)?)
}

/// Gives the command line the name of the program and the version of the service.
fn named(command: clap::Command, version: Option<&str>) -> clap::Command {
    let library = env!("CARGO_PKG_VERSION");
    let version = match version {
        Some(version) => format!("{version} (pushgate {library})"),
        None => format!("(pushgate {library})"),
    };
    // Both live as long as the process.
    let program: &'static str = program().leak();
    let command = with_usage_of_publish(command, program).mut_subcommand("gateway", |gateway| {
        with_usage_of_publish(gateway, &format!("{program} gateway"))
    });
    with_program(command.name(program).version(&*version.leak()), program)
}

fn with_usage_of_publish(command: clap::Command, program: &str) -> clap::Command {
    command.mut_subcommand("publish", |publish| {
        publish.override_usage(format!("{program} {}", publish::USAGE))
    })
}

/// Names the program in the examples of the help.
fn with_program(command: clap::Command, program: &str) -> clap::Command {
    let help = command.get_after_help().map(ToString::to_string);
    let command = command.mut_subcommands(|each| with_program(each, program));
    match help {
        Some(help) => command.after_help(help.replace("pushgate ", &format!("{program} "))),
        None => command,
    }
}

fn run(service: Service, arguments: Arguments) -> ExitCode {
    // This is the only provider. An error means that it is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let environment = Environment::of_process();
    let is_json = telemetry::wants_json(&environment);
    let failure = arguments.command.failure();
    // With one thread, a handler that computes would stop lease renewal, health checks and shutdown.
    let threads = std::thread::available_parallelism()
        .map_or(1, NonZero::get)
        .max(2);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            print_error(&error, is_json);
            return failure;
        }
    };
    let done = runtime.block_on(arguments.command.run(service, environment));
    // A handler on a thread cannot be stopped, so the exit does not wait for it.
    runtime.shutdown_background();
    done.unwrap_or_else(|error| {
        print_error(error.as_ref(), is_json);
        failure
    })
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
