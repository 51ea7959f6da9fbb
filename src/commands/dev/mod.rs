//! `pushgate dev`: runs the whole system on this machine, in one process.

pub(crate) mod cloud;
mod schedules;
mod screen;
mod tour;
mod watch;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use self::cloud::{Cloud, Subscription};
use self::screen::Screen;
use super::process::Signals;
use crate::config::Config;
use crate::config::metadata::project_id;
use crate::delivery::pools::watchdog;
use crate::environment::Environment;
use crate::loggable::chain;
use crate::push::log_line::{self, Listener, LogLine};
use crate::server::Running;
use crate::service::Service;
use crate::telemetry;

const SERVICE_PORT: u16 = 8080;
const EMULATOR_PORT: u16 = 8085;
/// The default of OpenTelemetry for Prometheus.
const STATUS_PORT: u16 = 9464;
/// The number of ports above the wanted one that are tried.
const PORTS_TRIED: u16 = 20;
/// The most log lines that wait for the screen. Further ones are dropped, so that the screen does not slow pushes down.
const LOG_LINES: usize = 1024;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Publish no example messages
    #[arg(long, short)]
    quiet: bool,
    /// Port of the service on 127.0.0.1, or the next free one; by default PORT, or 8080
    #[arg(long)]
    port: Option<u16>,
    /// Port of the emulator on 127.0.0.1, or the next free one
    #[arg(long, default_value_t = EMULATOR_PORT)]
    emulator_port: u16,
    /// Port of the status page on 127.0.0.1, or the next free one
    #[arg(long, default_value_t = STATUS_PORT)]
    status_port: u16,
    /// Folder that keeps topics, subscriptions and messages for the next run; by default they are forgotten
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Build and start again after each change of a source, with the messages that are there
    #[arg(long)]
    watch: bool,
    /// With --watch: shell command that builds the program, by default cargo build with this package and profile
    #[arg(long, value_name = "COMMAND", requires = "watch")]
    build: Option<String>,
    /// Project of topics and subscriptions, which need not exist; by default GOOGLE_CLOUD_PROJECT, or local
    #[arg(long, value_parser = project_id)]
    project: Option<String>,
}

/// An invalid value of a variable that stands for a flag. clap could read variables, but it takes an empty one as a value.
#[derive(Debug, thiserror::Error)]
#[error("{name} is {value:?}, {expected}")]
struct InvalidVariable {
    name: &'static str,
    value: String,
    expected: String,
}

impl Arguments {
    fn port(&self, environment: &Environment) -> Result<u16, InvalidVariable> {
        let parse = |value: &str| {
            let port = value.parse();
            port.map_err(|_| "expected a port, 0 to 65535".to_owned())
        };
        let port = self.port.map_or_else(
            || variable(environment, "PORT", parse),
            |port| Ok(Some(port)),
        )?;
        Ok(port.unwrap_or(SERVICE_PORT))
    }

    fn project(&self, environment: &Environment) -> Result<String, InvalidVariable> {
        let project = match &self.project {
            Some(project) => Some(project.clone()),
            None => variable(environment, "GOOGLE_CLOUD_PROJECT", project_id)?,
        };
        Ok(project.unwrap_or_else(|| "local".into()))
    }
}

fn variable<T>(
    environment: &Environment,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, InvalidVariable> {
    let Some(value) = environment.get(name) else {
        return Ok(None);
    };
    parse(value).map(Some).map_err(|expected| InvalidVariable {
        name,
        value: value.to_owned(),
        expected,
    })
}

pub(super) async fn run(
    mut service: Service,
    arguments: &Arguments,
    environment: Environment,
) -> Result<(), Box<dyn Error>> {
    if arguments.watch {
        return watch::run(&service, arguments, &environment).await;
    }
    let start = Instant::now();
    let mut signals = Signals::listen()?;
    let _log = telemetry::install(&environment, &log_filter());
    let project = arguments.project(&environment)?;
    let wanted_port = arguments.port(&environment)?;
    let emulator_port = free_port(arguments.emulator_port);
    let cloud = Cloud::start(emulator_port, &project, arguments.data_dir.clone())?;
    let port = free_port(wanted_port);
    let settings = cloud.settings(&environment, port, free_port(arguments.status_port));
    let config = Config::read(&settings)?.on_loopback(port);
    let declared = service.subscribers.clone();
    let (listener, log_lines) = listener();
    service.listener = Some(listener);
    let running = service.start(&config).await?;
    let forgotten = cloud.forget_others(&declared)?;
    let subscriptions = cloud.subscribe(declared, running.address(), &config)?;
    let screen = Screen::new(&subscriptions);
    screen.ready(
        &project,
        running.address(),
        cloud.emulator.address(),
        &subscriptions,
        start.elapsed(),
    );
    if let Some(address) = running.metrics_address() {
        screen.status(address);
    }
    forgotten.iter().for_each(|reason| screen.problem(reason));
    show_store(&screen, &config, &running).await;
    screen.port(wanted_port, port);
    screen.port(arguments.emulator_port, emulator_port);
    let address = running.address();
    let events = cloud.emulator.delivery_events();
    let following = tokio::spawn(screen.clone().follow(events, log_lines));
    tokio::select! {
        () = show(&cloud, &screen, &subscriptions, address, arguments.quiet) => {}
        () = signals.received() => {}
        () = cloud.emulator.shutdown_requested() => {}
    }
    screen.shutting_down(config.grace);
    signals.shut_down(running).await;
    following.abort();
    cloud.emulator.stop().await;
    Ok(())
}

/// Publishes the examples unless it is to be quiet, and then what is scheduled.
async fn show(
    cloud: &Cloud,
    screen: &Screen,
    subscriptions: &[Subscription],
    service: SocketAddr,
    is_quiet: bool,
) {
    if !is_quiet {
        tour::run(cloud, screen, subscriptions, service).await;
    }
    screen.publish_command(cloud.emulator.address(), subscriptions);
    schedules::run(cloud, screen, subscriptions).await;
}

/// Shows the store. One that does not respond yet does not prevent the start.
async fn show_store(screen: &Screen, config: &Config, running: &Running) {
    screen.store(config);
    if let Err(error) = running.ping_store().await {
        let error = chain(&error);
        screen.problem(&format!("messages cannot be handled: {error}"));
    }
}

/// Returns a listener that sends each log line to the screen without waiting.
fn listener() -> (Listener, mpsc::Receiver<LogLine>) {
    let (sender, receiver) = mpsc::channel(LOG_LINES);
    (
        Arc::new(move |log_line: &LogLine| drop(sender.try_send(log_line.clone()))),
        receiver,
    )
}

/// Returns the filter of the log: errors and the lines of handlers. The screen shows the result of each push instead.
fn log_filter() -> String {
    format!(
        "error,{}=off,{}=warn,[handler]=info",
        log_line::TARGET,
        watchdog::TARGET
    )
}

/// Returns this port, or the next free one.
fn free_port(wanted: u16) -> u16 {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (wanted..=wanted.saturating_add(PORTS_TRIED))
        .find(is_free)
        .unwrap_or(0)
}

/// Shortens the back-off, so that a failed message is redelivered soon.
fn shortened(backoff: crate::Backoff) -> emulator::RetryPolicy {
    let minimum_backoff = backoff.minimum.min(Duration::from_secs(1));
    emulator::RetryPolicy {
        minimum_backoff,
        maximum_backoff: backoff
            .maximum
            .min(Duration::from_secs(10))
            .max(minimum_backoff),
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;

    use super::*;
    use crate::push::log_line::Level;
    use crate::telemetry::captured::Captured;

    #[test]
    fn the_lines_of_pushes_are_left_to_the_screen() {
        let captured = Captured::default();
        let filter = telemetry::filter(&log_filter()).expect("a filter");
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(captured.clone())
            .finish();
        with_default(log, || LogLine::new(Instant::now(), None).log(Level::Error));
        assert!(captured.lines().is_empty());
    }
}
