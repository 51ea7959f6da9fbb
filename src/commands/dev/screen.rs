//! What a person sees: a line a push, with what became of it and what Pub/Sub does then.

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
use crate::config::{Config, StoreSetting};
use crate::push::reply::Report;

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const AGAIN: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// Reports wait here for the emulator's word on the same push.
const REPORTS: usize = 1024;

/// Prints a line. Perhaps nobody reads it any more, as after `| head`, where `println!` would panic.
macro_rules! say {
    ($($words:tt)*) => { drop(writeln!(anstream::stdout(), $($words)*)) };
}

/// A subscription's full name and a message's id.
type Push = (String, String);

/// The terminal.
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
            shown: broadcast::Sender::new(REPORTS),
            refusals: broadcast::Sender::new(REPORTS),
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
        say!(
            "{BOLD}pushgate dev{BOLD:#}, ready in {} ms",
            took.as_millis()
        );
        say!("  service   http://{service}   {}", ids.join(", "));
        say!(
            "  emulator  http://{emulator}   project {project}; clients: export GOOGLE_CLOUD_PROJECT={project} PUBSUB_EMULATOR_HOST={emulator}"
        );
        say!("  console   http://{emulator}/console/   what became of every message");
    }

    /// What differs from production, and where handled messages are remembered.
    pub(super) fn store(&self, config: &Config) {
        let remembered = if matches!(config.store, StoreSetting::Memory) {
            "forgotten at the end".to_owned()
        } else {
            format!("remembered in {:?}, as PUSHGATE_STORE says", config.store)
        };
        say!(
            "  {FAINT}Tokens are signed and checked for real. Handled messages are {remembered}.{FAINT:#}"
        );
        say!("  {FAINT}Back-off is shortened to 1 to 10 s.{FAINT:#}");
    }

    /// Says so if a port was taken.
    pub(super) fn port(&self, wanted: u16, got: u16) {
        if wanted != got {
            say!("  {AGAIN}Port {wanted} is taken, so it is {got} instead.{AGAIN:#}");
        }
    }

    pub(super) fn title(&self, title: &str) {
        say!("\n{BOLD}{title}{BOLD:#}");
    }

    pub(super) fn trouble(&self, trouble: &str) {
        say!("  {BAD}! {trouble}{BAD:#}");
    }

    pub(super) fn leaving(&self, grace: Duration) {
        say!(
            "
leaving: running handlers may finish for up to {} s; ctrl-C again ends at once",
            grace.as_secs()
        );
    }

    /// A command to copy, with a payload that the first subscriber takes.
    pub(super) fn how_to_publish(&self, emulator: SocketAddr, subscriptions: &[Subscription]) {
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
        say!("\n{BOLD}Publish your own{BOLD:#} (ctrl-C ends it):");
        match example {
            Some((topic, payload)) => {
                let payload = payload.replace('\'', r"'\''");
                say!("  data=$(printf %s '{payload}' | base64 | tr -d '\\n')");
                say!(
                    "  curl http://{emulator}/v1/{topic}:publish -d '{{\"messages\":[{{\"data\":\"'$data'\"}}]}}'"
                );
            }
            None => {
                say!("  with any Pub/Sub client, after export PUBSUB_EMULATOR_HOST={emulator}")
            }
        }
    }

    /// Shows each push when the emulator has taken its answer, and at once what was refused before it was known what it was.
    pub(super) async fn follow(
        self,
        mut events: Receiver<DeliveryEvent>,
        mut reports: mpsc::Receiver<Report>,
    ) {
        let mut waiting = HashMap::new();
        loop {
            // The service reports before it answers, so a push's report is here before its event.
            let event = tokio::select! {
                biased;
                Some(report) = reports.recv() => {
                    self.hear(report, &mut waiting);
                    continue;
                }
                event = events.recv() => event,
            };
            match event {
                Ok(event) => self.push(event, &mut waiting),
                Err(RecvError::Lagged(missed)) => {
                    say!("  {FAINT}… {missed} events were too fast to show{FAINT:#}")
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn hear(&self, report: Report, waiting: &mut HashMap<Push, Report>) {
        match (&report.subscription, &report.message_id) {
            (Some(subscription), Some(id)) => {
                if waiting.len() >= REPORTS {
                    waiting.clear(); // pushes that did not come from the emulator
                }
                waiting.insert((subscription.clone(), id.clone()), report);
            }
            _ => {
                let what = format!("refused: {}", report.reason.as_deref().unwrap_or_default());
                self.line(
                    BAD,
                    "✗",
                    "somebody",
                    &what,
                    report.status.as_str(),
                    "no handler was reached",
                );
                let _ = self.refusals.send(());
            }
        }
    }

    /// Each refusal of something that was no push, once its line is on the screen.
    pub(super) fn refusals(&self) -> Receiver<()> {
        self.refusals.subscribe()
    }

    /// Each end of a push, once its line is on the screen.
    pub(super) fn shown(&self) -> Receiver<DeliveryEvent> {
        self.shown.subscribe()
    }

    fn push(&self, event: DeliveryEvent, waiting: &mut HashMap<Push, Report>) {
        let Progress::Ended {
            reply, settlement, ..
        } = &event.progress
        else {
            return;
        };
        let report = waiting.remove(&(event.subscription.clone(), event.message_id.clone()));
        let what = report
            .as_ref()
            .map_or_else(|| "answered by something else".to_owned(), describe);
        let took = report
            .map_or(Duration::ZERO, |report| report.duration)
            .as_millis();
        let (style, mark, then) = match settlement {
            Settlement::Acked if what.starts_with("dead-lettered") => {
                (BAD, "✗", format!("given up, {took} ms"))
            }
            Settlement::Acked => (GOOD, "✓", format!("{took} ms")),
            // What another delivery of the same message does is a line of its own.
            Settlement::Elsewhere => (AGAIN, "↻", format!("attempt {}", event.attempt)),
            Settlement::Again { after } => (
                AGAIN,
                "↻",
                format!(
                    "attempt {}, again in {:.1} s",
                    event.attempt,
                    after.as_secs_f64()
                ),
            ),
            Settlement::DeadLettered { topic } => (
                BAD,
                "✗",
                format!(
                    "attempt {}, Pub/Sub dead-letters it to {topic}",
                    event.attempt
                ),
            ),
        };
        self.line(
            style,
            mark,
            short(&event.subscription),
            &what,
            &reply.to_string(),
            &then,
        );
        // Nobody may be waiting for it.
        let _ = self.shown.send(event);
    }

    fn line(&self, style: Style, mark: &str, who: &str, what: &str, answer: &str, then: &str) {
        say!(
            "  {style}{mark}{style:#} {who:width$}  {what} → {answer}  {FAINT}{then}{FAINT:#}",
            width = self.width
        );
    }
}

fn describe(report: &Report) -> String {
    match &report.reason {
        Some(reason) => format!("{}: {reason}", report.outcome),
        None if report.outcome == "done before" => "done before, not run again".to_owned(),
        None => report.outcome.to_owned(),
    }
}

/// The last part of a resource's name.
fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
