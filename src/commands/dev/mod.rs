//! `pushgate dev`: the whole system on this machine, in one process.

mod cloud;
mod schedules;
mod screen;
mod tour;

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use self::cloud::Cloud;
use self::screen::Screen;
use super::Leave;
use crate::config::Config;
use crate::config::metadata::project_id;
use crate::environment::Environment;
use crate::loggable::chain;
use crate::push::reply::{Listener, Report};
use crate::server::Running;
use crate::service::Service;
use crate::subscriber::{Form, Subscriber};
use crate::telemetry;

/// The screen shows what becomes of pushes, so the log has errors, mistakes of handlers, and their lines as in
/// production.
const LOG: &str = "error,pushgate::reply=off,pushgate::watchdog=warn,[handler]=info";
const SERVICE_PORT: u16 = 8080;
const EMULATOR_PORT: u16 = 8085;
/// How many ports above the usual one are tried.
const PORTS_TRIED: u16 = 20;
/// Reports that the screen has not shown yet; more are left out, so that a flood of pushes is not slowed down.
const REPORTS: usize = 1024;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Publish no example messages.
    #[arg(long, short)]
    quiet: bool,
    /// Where the service listens, on 127.0.0.1; the next free port if it is taken. By default PORT, or 8080.
    #[arg(long)]
    port: Option<u16>,
    /// Where the emulator listens, on 127.0.0.1; the next free port if it is taken.
    #[arg(long, default_value_t = EMULATOR_PORT)]
    emulator_port: u16,
    /// The project of topics and subscriptions; need not exist. By default GOOGLE_CLOUD_PROJECT, or local.
    #[arg(long, value_parser = project_id)]
    project: Option<String>,
}

/// A variable that stands for a flag, and cannot be used. clap reads variables, too, but takes an empty one for a value.
#[derive(Debug, thiserror::Error)]
#[error("{name} is {value:?}, {expected}")]
struct Unusable {
    name: &'static str,
    value: String,
    expected: String,
}

impl Arguments {
    /// The project, and where the service should listen.
    fn place(&self, environment: &Environment) -> Result<(String, u16), Unusable> {
        Ok((self.project(environment)?, self.port(environment)?))
    }

    fn port(&self, environment: &Environment) -> Result<u16, Unusable> {
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

    fn project(&self, environment: &Environment) -> Result<String, Unusable> {
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
) -> Result<Option<T>, Unusable> {
    let Some(value) = environment.get(name) else {
        return Ok(None);
    };
    parse(value).map(Some).map_err(|expected| Unusable {
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
    let start = Instant::now();
    let mut leave = Leave::listen()?;
    let _log = telemetry::install(&environment, LOG);
    let (project, wanted_port) = arguments.place(&environment)?;
    let emulator_port = free_port(arguments.emulator_port);
    let cloud = Cloud::start(emulator_port, &project)?;
    let port = free_port(wanted_port);
    let config = Config::read(&cloud.settings(&environment, port))?.on_loopback(port);
    let declared = without_eventarc(&mut service);
    let (listener, reports) = listener();
    service.listener = Some(listener);
    let running = service.start(&config).await?;
    let subscriptions = cloud.subscribe(declared, running.address(), &config)?;
    let screen = Screen::new(&subscriptions);
    screen.ready(
        &project,
        running.address(),
        cloud.emulator.address(),
        &subscriptions,
        start.elapsed(),
    );
    remark(&screen, &config, &running).await;
    screen.port(wanted_port, port);
    screen.port(arguments.emulator_port, emulator_port);
    let lines = tokio::spawn(
        screen
            .clone()
            .follow(cloud.emulator.delivery_events(), reports),
    );
    let shown = async {
        if !arguments.quiet {
            tour::run(&cloud, &screen, &subscriptions, running.address()).await;
        }
        screen.how_to_publish(cloud.emulator.address(), &subscriptions);
        schedules::run(&cloud, &screen, &subscriptions).await;
    };
    tokio::select! {
        () = shown => {}
        () = leave.told() => {}
        () = cloud.emulator.shutdown_requested() => {}
    }
    screen.leaving(config.grace);
    leave.drain(running).await;
    lines.abort();
    cloud.emulator.stop().await;
    Ok(())
}

/// Says what is not as it may be expected. A store that does not answer is no reason not to start, since that may pass.
async fn remark(screen: &Screen, config: &Config, running: &Running) {
    screen.store(config);
    if let Err(error) = running.ping_store().await {
        let why = chain(&error);
        screen.trouble(&format!("messages are not handled, since {why}"));
    }
}

/// There is no Eventarc here: what it would deliver as events comes as Pub/Sub's own pushes.
fn without_eventarc(service: &mut Service) -> Vec<Subscriber> {
    for subscriber in &mut service.subscribers {
        if matches!(subscriber.form, Form::Eventarc) {
            subscriber.form = Form::Evident;
        }
    }
    service.subscribers.clone()
}

/// Hands each report to the screen, without waiting for it.
fn listener() -> (Listener, mpsc::Receiver<Report>) {
    let (sender, receiver) = mpsc::channel(REPORTS);
    (
        Arc::new(move |report: &Report| drop(sender.try_send(report.clone()))),
        receiver,
    )
}

/// This port, or the next one that nobody listens on.
fn free_port(wanted: u16) -> u16 {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (wanted..=wanted.saturating_add(PORTS_TRIED))
        .find(is_free)
        .unwrap_or(0)
}

/// Back-off is shortened, so that a failed message comes again while one still looks.
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
