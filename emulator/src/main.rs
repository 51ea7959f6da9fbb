//! The emulator's command.

mod command;

use std::error::Error;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use emulator::{Bootstrap, BootstrapDefaults, Emulator, Options};
use tokio::signal::unix::{SignalKind, signal};

use crate::command::{
    Announcement, Arguments, DEFAULT_PROJECT, Gcloud, Invocation, Place, Rejection, open_next_port,
    projects,
};

/// The variable with a file of trusted authorities.
const CERTIFICATES: &str = "SSL_CERT_FILE";

#[tokio::main]
async fn main() -> ExitCode {
    if is_empty(CERTIFICATES) {
        report(&again_without(CERTIFICATES));
        return ExitCode::FAILURE;
    }
    let ended = match Invocation::parse(std::env::args_os()) {
        Invocation::Own(arguments) => run(*arguments, None).await,
        Invocation::Start(arguments, gcloud) => run(*arguments, Some(gcloud)).await,
        Invocation::EnvInit(gcloud) => gcloud.print(&mut std::io::stdout()).map_err(Into::into),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments, gcloud: Option<Gcloud>) -> Result<(), Box<dyn Error>> {
    Place::of(is_set).check(arguments.host_port, arguments.allow_remote)?;
    let project = arguments.project.as_deref().unwrap_or(DEFAULT_PROJECT);
    // Read first, so that nothing starts if a file has an error.
    let declared = Bootstrap::read(
        &arguments.bootstrap,
        &BootstrapDefaults {
            project: project.to_owned(),
            push_to: arguments.push_to.clone(),
        },
    )?;
    let projects = projects(text_of)?;
    let options = options(&arguments);
    tracing_subscriber::fmt()
        .with_env_filter(arguments.log)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // Otherwise a log line without a reader would make its task panic.
        .log_internal_errors(false)
        .init();
    let mut terminate = signal(SignalKind::terminate())?;
    let emulator = Emulator::start_with(options).map_err(explained)?;
    let trusted = arguments.tls.as_deref();
    let trusted = trusted.map(|file| write_certificate(&emulator, file));
    let trusted = trusted.transpose()?;
    let done = emulator.bootstrap(&declared)?;
    for project in &projects {
        project.create(&emulator)?;
    }
    if !projects.is_empty() {
        open_next_port(&emulator).await?;
    }
    let found = declared.project().unwrap_or(project);
    let exported = arguments.project.as_deref().unwrap_or(found);
    let announcement = Announcement {
        emulator: &emulator,
        project: exported,
        trusted: trusted.as_deref(),
        declared: &declared,
        done: &done,
    };
    announcement.print(gcloud.as_ref())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
        () = emulator.shutdown_requested() => {}
    }
    emulator.stop().await;
    Ok(())
}

/// Writes the generated certificate, and returns the absolute path.
fn write_certificate(emulator: &Emulator, file: &Path) -> std::io::Result<PathBuf> {
    let certificate = emulator.certificate().unwrap_or_default();
    let written = std::fs::write(file, certificate).and_then(|()| std::path::absolute(file));
    written.map_err(|error| {
        let text = format!("--tls {} cannot be written: {error}", file.display());
        std::io::Error::new(error.kind(), text)
    })
}

fn options(arguments: &Arguments) -> Options {
    let default = Options::default();
    Options {
        address: arguments.host_port,
        allow_remote: arguments.allow_remote,
        tls: arguments.tls(),
        public_url: arguments.public_url.clone(),
        pace: arguments.pace(),
        data_folder: arguments.data_dir.clone(),
        faults: arguments.faults.clone().unwrap_or_default(),
        strict: arguments.strict,
        create_missing: arguments.create,
        history_messages: arguments.history,
        seed: arguments.seed.unwrap_or(default.seed),
    }
}

/// Returns the error in terms of the flags, if they caused it.
fn explained(error: emulator::StartError) -> Box<dyn Error> {
    match Rejection::of(&error) {
        Some(rejection) => rejection.into(),
        None => error.into(),
    }
}

/// Restarts the command without an empty variable, since a library does not treat it as unset.
fn again_without(variable: &str) -> std::io::Error {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut command = Command::new(program);
    command.arg0(name).args(arguments).env_remove(variable);
    command.exec()
}

fn is_set(variable: &str) -> bool {
    variable_of(variable).is_some_and(|value| !value.is_empty())
}

fn text_of(variable: &str) -> Option<String> {
    variable_of(variable)?.into_string().ok()
}

fn is_empty(variable: &str) -> bool {
    variable_of(variable).is_some_and(|value| value.is_empty())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the command's only look at its environment"
)]
fn variable_of(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn report(error: &dyn Error) {
    let mut report = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        report = format!("{report}: {cause}");
        source = cause.source();
    }
    // There may be no reader. The exit code remains.
    writeln!(std::io::stderr(), "{report}").ok();
}
