//! `pushgate replay`: runs the messages of a time once more.
//!
//! 1. The service records the replay in its store: messages of the time that were handled before now may run again, once.
//! 2. Each instance learns of it within seconds. Until then it would answer that the messages were handled.
//! 3. A snapshot keeps what the seek drops.
//! 4. Pub/Sub seeks to the time, and delivers the messages again (Google, *Replay and purge messages*).

use std::error::Error;
use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::de::IgnoredAny;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::sleep;
use uuid::Uuid;

use super::consent::Consent;
use super::google::Subscription;
use super::operator::{Operated, Place, access_help};
use super::process::print;
use super::progress::print_note;
use crate::dedup::KNOWN_AFTER;
use crate::environment::Environment;
use crate::service::Service;
use crate::subscriber::{Form, Subscriber};

/// The end of `--help`.
pub(super) const HELP: &str = concat!(
    "\
The store records the replay, and ten seconds later, when all instances know it, Pub/Sub seeks to the time. Each message that was
published since then, and that Pub/Sub still keeps, is delivered again, and runs once more if it was handled before the replay
began; its duplicates do not. Only this subscription gets them. Handlers get the same idempotency key as before, so that
services that they call may recognize it. A message without its publish time (a push of payload alone, without metadata)
cannot be replayed.

Pub/Sub drops messages that are older than the time and not yet handled. A snapshot keeps them for 7 days at most: to undo the
replay, seek to it with gcloud pubsub subscriptions seek.

",
    access_help!(),
    "
The seek needs roles/pubsub.editor on the subscription and its topic, and on the project for the snapshot."
);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Id of a declared subscription
    subscription: String,
    /// First publish time: as 2026-11-30T08:00:00Z, or how long ago, as 90m, 2h or 1d
    #[arg(long, value_name = "TIME")]
    since: Since,
    /// Take no snapshot: unhandled messages from before the time are lost
    #[arg(long)]
    without_snapshot: bool,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    place: Place,
}

/// The first publish time.
#[derive(Clone, Copy)]
enum Since {
    Time(OffsetDateTime),
    Ago(SignedDuration),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
            return Ok(Self::Time(time));
        }
        let ago = text.parse::<Span>().ok();
        let ago = ago.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
        let ago = ago.filter(|ago| ago.is_positive());
        let expected = "expected a time as 2026-11-30T08:00:00Z, or a duration as 90m, 2h or 1d";
        ago.map(Self::Ago).ok_or_else(|| expected.to_owned())
    }
}

/// The reason why there is nothing to replay.
#[derive(Debug, thiserror::Error)]
enum NotReplayed {
    #[error("{0} is in the future")]
    Future(OffsetDateTime),
    #[error(
        "{0} keeps no handled messages: for the next time, declare .retain_handled() and apply Terraform"
    )]
    NothingKept(String),
    #[error(
        "{0} gets payload alone, without metadata: its messages have no publish time by which the service could recognize them"
    )]
    NoPublishTime(String),
}

/// The plan of a replay.
struct Plan<'a> {
    id: &'a str,
    operated: &'a Operated,
    since: OffsetDateTime,
    until: OffsetDateTime,
    token: Uuid,
    /// The full name.
    snapshot: Option<String>,
}

pub(super) async fn run(
    service: &Service,
    arguments: &Arguments,
    environment: &Environment,
) -> Result<(), Box<dyn Error>> {
    let declared = service.declared(&arguments.subscription)?;
    let opened = arguments.place.open(service, &declared.id, environment);
    let operated = opened.await?;
    let plan = Plan::new(arguments, declared, &operated)?;
    print_note(&plan.text());
    let question = format!("Replay {}", plan.id);
    if !arguments.consent.is_given(&question)? {
        return Ok(());
    }
    plan.carry_out().await?;
    Ok(print(&plan.result(arguments.consent.json))?)
}

impl<'a> Plan<'a> {
    fn new(
        arguments: &Arguments,
        declared: &'a Subscriber,
        operated: &'a Operated,
    ) -> Result<Self, NotReplayed> {
        let until = OffsetDateTime::now_utc();
        let since = match arguments.since {
            Since::Time(time) => time,
            Since::Ago(ago) => until - ago.unsigned_abs(),
        };
        if since >= until {
            return Err(NotReplayed::Future(since));
        }
        if !operated.found.keeps_acked() {
            return Err(NotReplayed::NothingKept(operated.name.clone()));
        }
        if declared.pushes.form == Form::Unwrapped && !operated.found.writes_metadata() {
            return Err(NotReplayed::NoPublishTime(operated.name.clone()));
        }
        let token = Uuid::new_v4();
        let project = &operated.google.project;
        let snapshot = format!("projects/{project}/snapshots/pushgate-{}", token.simple());
        Ok(Self {
            id: &declared.id,
            operated,
            since,
            until,
            token,
            snapshot: (!arguments.without_snapshot).then_some(snapshot),
        })
    }

    fn text(&self) -> String {
        let Subscription { topic, .. } = &self.operated.found;
        let (id, since, until) = (self.id, second(self.since), second(self.until));
        let dropped = match &self.snapshot {
            Some(name) => format!("and kept by the snapshot {name}"),
            None => "and are lost".to_owned(),
        };
        format!(
            "Messages of {topic}, published from {since} to {until}, run again for {id}, each once, also those that were handled.\n\
             Pub/Sub delivers those that it still keeps, and to no other subscription.\n\
             Messages from before {since} that are not handled yet are dropped by the seek, {dropped}."
        )
    }

    async fn carry_out(&self) -> Result<(), Box<dyn Error>> {
        let (since, until) = (rfc3339(self.since), rfc3339(self.until));
        let request = json!({
            "subscription": self.id,
            "token": self.token,
            "since": since,
            "until": until,
        });
        let Operated { google, name, .. } = self.operated;
        self.operated.post("replay", &request).await?;
        let seconds = KNOWN_AFTER.as_secs();
        print_note(&format!(
            "The replay is recorded. In {seconds} s all instances know it, and Pub/Sub seeks."
        ));
        sleep(KNOWN_AFTER).await;
        if let Some(snapshot) = &self.snapshot {
            google.put(snapshot, json!({"subscription": name})).await?;
        }
        google
            .post::<IgnoredAny>(name, "seek", json!({"time": since}))
            .await?;
        Ok(())
    }

    fn result(&self, is_json: bool) -> String {
        if is_json {
            let result = json!({
                "subscription": self.id,
                "since": rfc3339(self.since),
                "until": rfc3339(self.until),
                "snapshot": self.snapshot,
            });
            return format!("{result}\n");
        }
        let undo = self.snapshot.as_ref().map(|snapshot| {
            let (id, name) = (self.id, snapshot.rsplit('/').next().unwrap_or(snapshot));
            format!("To undo it: gcloud pubsub subscriptions seek {id} --snapshot={name}\n")
        });
        format!(
            "{} is replayed since {}.\n{}",
            self.id,
            second(self.since),
            undo.unwrap_or_default()
        )
    }
}

impl Subscription {
    /// Returns true if a seek brings back messages that were acknowledged (Google, *Replay and purge messages*).
    fn keeps_acked(&self) -> bool {
        self.retain_acked_messages || self.topic_message_retention_duration.is_some()
    }

    fn writes_metadata(&self) -> bool {
        let written = self.push_config.pointer("/noWrapper/writeMetadata");
        written.and_then(serde_json::Value::as_bool) == Some(true)
    }
}

/// Returns the time for people, without fractions of a second.
fn second(time: OffsetDateTime) -> String {
    rfc3339(time.truncate_to_second())
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}
