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
use crate::reply::{Listener, Report};
use crate::service::Service;
use crate::state::Environment;
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
    /// Where the service listens, on 127.0.0.1; the next free port if it is taken.
    #[arg(long, env = "PORT", default_value_t = SERVICE_PORT)]
    port: u16,
    /// Where the emulator listens, on 127.0.0.1; the next free port if it is taken.
    #[arg(long, default_value_t = EMULATOR_PORT)]
    emulator_port: u16,
    /// The project of topics and subscriptions; need not exist.
    #[arg(long, env = "GOOGLE_CLOUD_PROJECT", default_value = "local", value_parser = project)]
    project: String,
}

pub(super) async fn run(
    mut service: Service,
    arguments: &Arguments,
    environment: Environment,
) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut leave = Leave::listen()?;
    let _log = telemetry::install(&environment, LOG);
    let emulator_port = free_port(arguments.emulator_port);
    let cloud = Cloud::start(emulator_port, &arguments.project)?;
    let port = free_port(arguments.port);
    let config = Config::read(&cloud.settings(&environment, port))?.on_loopback(port);
    let declared = without_eventarc(&mut service);
    let (listener, reports) = listener();
    service.listener = Some(listener);
    let running = service.start(&config).await?;
    let subscriptions = cloud.subscribe(declared, running.address(), &config)?;
    let screen = Screen::new(&subscriptions);
    screen.ready(
        &arguments.project,
        running.address(),
        cloud.emulator.address(),
        &subscriptions,
        start.elapsed(),
    );
    screen.store(&config);
    screen.port(arguments.port, port);
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

/// A project's id, as part of every name.
fn project(value: &str) -> Result<String, String> {
    let is_id = !value.is_empty()
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-:.".contains(c));
    if is_id {
        Ok(value.to_owned())
    } else {
        Err("expected letters, digits, -, : or .".into())
    }
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
