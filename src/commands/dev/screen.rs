//! Prints a line for each push: its result, the reply, and the next step of Pub/Sub.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use emulator::{DeliveryEvent, Progress, Settlement};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

use super::cloud::Subscription;
use crate::config::Config;
use crate::dedup::StoreSetting;
use crate::package::invocation;
use crate::push::log_line::LogLine;

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const AGAIN: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// The most log lines that wait for the emulator's event of the same push.
const LOG_LINES: usize = 1024;

/// Prints a line. A closed reader, as after `| head`, is no error; `println!` would panic.
macro_rules! show {
    ($($words:tt)*) => { drop(writeln!(anstream::stdout(), $($words)*)) };
}

/// A subscription's full name and a message's id.
type Push = (String, String);

/// The standard output, and the pushes that it has shown.
#[derive(Clone)]
pub(super) struct Screen {
    width: usize,
    shown: broadcast::Sender<DeliveryEvent>,
    refusals: broadcast::Sender<()>,
}

impl Screen {
    pub(super) fn new(subscriptions: &[Subscription]) -> Self {
        let width = subscriptions
            .iter()
            .map(|subscription| subscription.declared.id.len())
            .max()
            .unwrap_or_default();
        Self {
            width,
            shown: broadcast::Sender::new(LOG_LINES),
            refusals: broadcast::Sender::new(LOG_LINES),
        }
    }

    pub(super) fn ready(
        &self,
        project: &str,
        service: SocketAddr,
        emulator: SocketAddr,
        subscriptions: &[Subscription],
        took: Duration,
    ) {
        let ids: Vec<&str> = subscriptions
            .iter()
            .map(|subscription| subscription.declared.id.as_str())
            .collect();
        show!(
            "{BOLD}{} dev{BOLD:#}, ready in {} ms",
            invocation(),
            took.as_millis()
        );
        show!("  service   http://{service}   {}", ids.join(", "));
        show!(
            "  emulator  http://{emulator}   project {project}; clients: export GOOGLE_CLOUD_PROJECT={project} PUBSUB_EMULATOR_HOST={emulator}"
        );
        show!("  console   http://{emulator}/console/   the history of every message");
    }

    pub(super) fn status(&self, address: SocketAddr) {
        show!(
            "  status    http://{address}/   what the service does now; metrics for Prometheus at /metrics"
        );
    }

    /// Shows the differences from production, and the store.
    pub(super) fn store(&self, config: &Config) {
        let recorded = if matches!(config.store, StoreSetting::Memory) {
            "recorded in memory until exit".to_owned()
        } else {
            format!(
                "recorded in {:?}, the value of PUSHGATE_STORE",
                config.store
            )
        };
        show!(
            "  {FAINT}Tokens are signed and verified as in production. Handled messages are {recorded}.{FAINT:#}"
        );
        show!("  {FAINT}The back-off is shortened: 1 to 10 s.{FAINT:#}");
    }

    /// Shows the port if the wanted one was taken.
    pub(super) fn port(&self, wanted: u16, found: u16) {
        if wanted != found {
            show!("  {AGAIN}Port {wanted} is in use: this run uses {found}.{AGAIN:#}");
        }
    }

    pub(super) fn title(&self, title: &str) {
        show!("\n{BOLD}{title}{BOLD:#}");
    }

    pub(super) fn problem(&self, problem: &str) {
        show!("  {BAD}! {problem}{BAD:#}");
    }

    pub(super) fn shutting_down(&self, grace: Duration) {
        show!(
            "\nshutting down: running handlers have up to {} s to finish; ctrl-C again exits at once",
            grace.as_secs()
        );
    }

    /// Shows a command to copy, with an example of a payload.
    pub(super) fn publish_command(&self, emulator: SocketAddr, subscriptions: &[Subscription]) {
        let example = subscriptions.iter().find_map(|subscription| {
            let example = subscription
                .declared
                .examples
                .iter()
                .find(|example| example.attributes.is_empty())?;
            Some((
                &subscription.topic,
                std::str::from_utf8(&example.data).ok()?,
            ))
        });
        show!("\n{BOLD}Publish your own{BOLD:#} (ctrl-C exits):");
        match example {
            Some((topic, payload)) => {
                let payload = payload.replace('\'', r"'\''");
                show!("  data=$(printf %s '{payload}' | base64 | tr -d '\\n')");
                show!(
                    "  curl http://{emulator}/v1/{topic}:publish -d '{{\"messages\":[{{\"data\":\"'$data'\"}}]}}'"
                );
            }
            None => {
                show!("  with any Pub/Sub client, after export PUBSUB_EMULATOR_HOST={emulator}")
            }
        }
    }

    /// Shows each push when the emulator has its reply, and each unidentified request when it is refused.
    pub(super) async fn follow(
        self,
        mut events: Receiver<DeliveryEvent>,
        mut log_lines: mpsc::Receiver<LogLine>,
    ) {
        let mut waiting = HashMap::new();
        loop {
            // The service passes the log line on before it replies, so it comes before the event.
            let event = tokio::select! {
                biased;
                Some(log_line) = log_lines.recv() => {
                    self.receive(log_line, &mut waiting);
                    continue;
                }
                event = events.recv() => event,
            };
            match event {
                Ok(event) => self.push(event, &mut waiting),
                Err(RecvError::Lagged(missed)) => {
                    show!("  {FAINT}… {missed} events are not shown: too many at once{FAINT:#}")
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn receive(&self, log_line: LogLine, waiting: &mut HashMap<Push, LogLine>) {
        match (&log_line.subscription, &log_line.message_id) {
            (Some(subscription), Some(id)) => {
                if waiting.len() >= LOG_LINES {
                    waiting.clear(); // their pushes came from other clients
                }
                waiting.insert((subscription.clone(), id.clone()), log_line);
            }
            _ => {
                let result = format!(
                    "refused: {}",
                    log_line.reason.as_deref().unwrap_or_default()
                );
                self.line(
                    BAD,
                    "✗",
                    "unknown",
                    &result,
                    &log_line.status.to_string(),
                    "no handler ran",
                );
                let _ = self.refusals.send(());
            }
        }
    }

    /// Returns a receiver of refused unidentified requests, after their lines are printed.
    pub(super) fn refusals(&self) -> Receiver<()> {
        self.refusals.subscribe()
    }

    /// Returns a receiver of ended pushes, after their lines are printed.
    pub(super) fn shown(&self) -> Receiver<DeliveryEvent> {
        self.shown.subscribe()
    }

    fn push(&self, event: DeliveryEvent, waiting: &mut HashMap<Push, LogLine>) {
        let Progress::Ended {
            reply, settlement, ..
        } = &event.progress
        else {
            return;
        };
        let log_line = waiting.remove(&(event.subscription.clone(), event.message_id.clone()));
        let result = log_line
            .as_ref()
            .map_or_else(|| "reply of another service".to_owned(), describe);
        let duration = log_line.map_or(Duration::ZERO, |log_line| log_line.duration);
        let is_dead_lettered = result.starts_with("dead-lettered");
        let (style, mark, next) = match settlement {
            Settlement::Acked if is_dead_lettered => (
                BAD,
                "✗",
                format!("not redelivered, {} ms", duration.as_millis()),
            ),
            Settlement::Acked => (GOOD, "✓", format!("{} ms", duration.as_millis())),
            _ => unacked(settlement, event.attempt),
        };
        let subscription = short(&event.subscription);
        self.line(
            style,
            mark,
            subscription,
            &result,
            &reply.to_string(),
            &next,
        );
        // An error means that there is no receiver.
        let _ = self.shown.send(event);
    }

    fn line(&self, style: Style, mark: &str, name: &str, result: &str, reply: &str, next: &str) {
        show!(
            "  {style}{mark}{style:#} {name:width$}  {result} → {reply}  {FAINT}{next}{FAINT:#}",
            width = self.width
        );
    }
}

/// Returns the style, the mark and the next step of a push that was not acknowledged.
fn unacked(settlement: &Settlement, attempt: u32) -> (Style, &'static str, String) {
    match settlement {
        Settlement::Again { after } => {
            let seconds = after.as_secs_f64();
            let next = format!("attempt {attempt}, redelivered in {seconds:.1} s");
            (AGAIN, "↻", next)
        }
        Settlement::DeadLettered { topic } => {
            let next = format!("attempt {attempt}, Pub/Sub dead-letters it to {topic}");
            (BAD, "✗", next)
        }
        // Another delivery of the same message has another line.
        _ => (AGAIN, "↻", format!("attempt {attempt}")),
    }
}

fn describe(log_line: &LogLine) -> String {
    match &log_line.reason {
        Some(reason) => format!("{}: {reason}", log_line.outcome),
        None if log_line.outcome == "duplicate" => "duplicate, not run again".to_owned(),
        None => log_line.outcome.to_owned(),
    }
}

/// Returns the last part of a resource's name.
fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
