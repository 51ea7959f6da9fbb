//! Sends dead letters again, and acknowledges each after its confirmation.

use std::error::Error;
use std::io;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use futures_util::StreamExt;
use futures_util::stream;
use reqwest::StatusCode;
use tokio::sync::Mutex;
use tokio::time::{Instant, interval};

use super::audit::{Audit, Entry};
use super::held::Held;
use super::letter::{Letter, LetterError};
use crate::commands::google::{Google, GoogleError, OidcToken, PushConfig};
use crate::commands::process::Signals;
use crate::commands::progress::{Progress, print_note};
use crate::environment::Environment;
use crate::loggable::whole_chain;
use crate::publisher::{Channel, PublishError, Settings};

/// The most replays at the same time, if no message has an ordering key.
const AT_ONCE: usize = 8;
/// The failures in a row after which the replay stops: then it is the service that fails, and not a message.
const FAILURES: u32 = 10;
/// The age at which an ID token is replaced. Google's are valid for an hour.
const TOKEN_AGE: Duration = Duration::from_secs(30 * 60);
/// The time that a response may take beyond the ack deadline.
const SLACK: Duration = Duration::from_secs(10);
/// The header in which the service names the outcome.
const OUTCOME: &str = "pushgate-outcome";
/// The outcome of a message that was dead-lettered again.
const DEAD_LETTERED: &str = "dead-lettered";

/// The error of a replay that is not confirmed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReplayed {
    #[error(
        "{0} has no push endpoint: it is paused or a pull subscription; resume it, or use --to-topic"
    )]
    NoEndpoint(String),
    #[error(transparent)]
    Google(#[from] GoogleError),
    #[error(
        "{0} gives no answer: is its ingress open to this machine? --to-topic needs no connection to it"
    )]
    NoAnswer(String, #[source] reqwest::Error),
    #[error("the service answers {0}: see its log line of this message")]
    Status(StatusCode),
    #[error(transparent)]
    Published(#[from] PublishError),
    #[error(transparent)]
    Letter(#[from] LetterError),
}

impl NotReplayed {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Status(StatusCode::TOO_MANY_REQUESTS))
    }
}

/// The way of replays to the one subscription, or to the topic with all its subscriptions.
pub(super) enum Route {
    Push(Box<Push>),
    Topic(Channel),
}

/// A route that posts to the subscription's endpoint as Pub/Sub does.
pub(super) struct Push {
    google: Google,
    endpoint: String,
    account: Option<OidcToken>,
    timeout: Duration,
    token: Mutex<Option<(Instant, String)>>,
}

impl Route {
    /// Finds the endpoint and the account of the subscription with this full name.
    pub(super) async fn push(google: &Google, name: &str) -> Result<Self, NotReplayed> {
        let found = google.subscription(name).await?;
        let PushConfig {
            push_endpoint: endpoint,
            oidc_token,
        } = found.push();
        if endpoint.is_empty() {
            return Err(NotReplayed::NoEndpoint(name.to_owned()));
        }
        let account = oidc_token.map(|mut account| {
            // Google's default of the audience is the endpoint (Google, *Cloud Pub/Sub API*, `OidcToken`).
            if account.audience.is_empty() {
                account.audience.clone_from(&endpoint);
            }
            account
        });
        Ok(Self::Push(Box::new(Push {
            google: google.clone(),
            endpoint,
            account,
            timeout: Duration::from_secs(found.ack_deadline_seconds) + SLACK,
            token: Mutex::default(),
        })))
    }

    /// Opens the topic of the subscription.
    pub(super) async fn topic(
        google: &Google,
        name: &str,
        environment: Environment,
    ) -> Result<Self, NotReplayed> {
        let topic = google.subscription(name).await?.topic;
        let channel = Channel::open(&topic, environment, Settings::default()).await?;
        Ok(Self::Topic(channel))
    }

    /// Sends a replay, and returns the outcome or the message id that confirms it.
    async fn send(&self, letter: &Letter, target: &Target<'_>) -> Result<String, NotReplayed> {
        match self {
            Self::Push(push) => {
                let patience = ExponentialBuilder::default()
                    .with_max_times(5)
                    .with_jitter();
                let once = || push.send(letter, target);
                once.retry(patience).when(NotReplayed::is_transient).await
            }
            Self::Topic(channel) => {
                let sent = channel.enqueue(letter.draft(target.source())?).await?;
                Ok(format!("published as {}", sent.await?))
            }
        }
    }
}

impl Push {
    async fn send(&self, letter: &Letter, target: &Target<'_>) -> Result<String, NotReplayed> {
        let body = letter.push(&target.name, target.source());
        let mut request = self.google.http.post(&self.endpoint).json(&body);
        if let Some(account) = &self.account {
            request = request.bearer_auth(self.token(account).await?);
        }
        let sent = request.timeout(self.timeout).send().await;
        let answer = sent.map_err(|error| NotReplayed::NoAnswer(self.endpoint.clone(), error))?;
        // Pub/Sub takes these as an acknowledgement, too (Google, *Push subscriptions*).
        if !matches!(answer.status().as_u16(), 102 | 200 | 201 | 202 | 204) {
            return Err(NotReplayed::Status(answer.status()));
        }
        let outcome = answer.headers().get(OUTCOME);
        let outcome = outcome.and_then(|outcome| outcome.to_str().ok());
        Ok(outcome.unwrap_or("acknowledged").to_owned())
    }

    async fn token(&self, account: &OidcToken) -> Result<String, GoogleError> {
        let mut kept = self.token.lock().await;
        if let Some((since, token)) = &*kept
            && since.elapsed() < TOKEN_AGE
        {
            return Ok(token.clone());
        }
        let token = self.google.id_token(account).await?;
        *kept = Some((Instant::now(), token.clone()));
        Ok(token)
    }
}

/// The subscription that gets the replays.
pub(super) struct Target<'a> {
    project: &'a str,
    pub(super) id: &'a str,
    /// The full name.
    pub(super) name: String,
}

impl<'a> Target<'a> {
    pub(super) fn new(google: &'a Google, id: &'a str) -> Self {
        Self {
            project: &google.project,
            id,
            name: google.subscription_name(id),
        }
    }

    fn source(&self) -> (&str, &str) {
        (self.project, self.id)
    }
}

/// The result of one replay.
enum Sent {
    /// The dead letter is acknowledged. The message may have become a new one again.
    Acknowledged { is_again: bool },
    /// The dead letter is kept, since the replay is not confirmed.
    Kept,
}

/// A replay of held dead letters.
pub(super) struct Replaying<'a> {
    pub(super) held: &'a Held,
    pub(super) route: &'a Route,
    pub(super) target: &'a Target<'a>,
    pub(super) audit: Audit,
}

impl Replaying<'_> {
    /// Replays these dead letters, the oldest first. It stops at a signal and if the service seems to be down.
    pub(super) async fn all(
        &self,
        letters: &[&Letter],
        rate: u32,
        mut signals: Signals,
    ) -> Result<(), Box<dyn Error>> {
        let is_ordered = letters.iter().any(|letter| !letter.ordering_key.is_empty());
        let pace = &Mutex::new(interval(Duration::from_secs(1) / rate));
        let one = |letter| async move {
            pace.lock().await.tick().await;
            self.one(letter).await
        };
        let at_once = if is_ordered { 1 } else { AT_ONCE };
        let mut results = stream::iter(letters.iter().copied())
            .map(one)
            .buffered(at_once);
        let mut progress = Progress::new(["replayed", "of them dead-lettered again"], true);
        let mut in_a_row = 0;
        let is_over = loop {
            let result = tokio::select! {
                biased;
                () = signals.received() => break false,
                result = results.next() => result,
            };
            match result.transpose()? {
                Some(Sent::Acknowledged { is_again }) => {
                    in_a_row = 0;
                    progress.done += 1;
                    progress.also += u64::from(is_again);
                }
                Some(Sent::Kept) => {
                    in_a_row += 1;
                    progress.failed += 1;
                }
                None => break true,
            }
            if in_a_row >= FAILURES {
                break false;
            }
            progress.update();
        };
        progress.print();
        match (is_over, progress.failed) {
            (true, 0) => Ok(()),
            (true, failed) => Err(format!("{failed} of the dead letters were not replayed: they are kept").into()),
            (false, _) => Err("stopped before the end: the others are still dead letters, and the same command continues".into()),
        }
    }

    /// Replays one dead letter and acknowledges it.
    async fn one(&self, letter: &Letter) -> io::Result<Sent> {
        let result = self.route.send(letter, self.target).await;
        let result = match &result {
            Ok(outcome) => match self.held.ack(&letter.id).await {
                Ok(()) => Ok(outcome.clone()),
                Err(error) => Err(format!(
                    "replayed ({outcome}), but the dead letter is kept: {}; another replay of it will not run the message again",
                    whole_chain(&error)
                )),
            },
            Err(error) => Err(whole_chain(error)),
        };
        if let Err(error) = &result {
            print_note(&format!("dead letter {}: {error}", letter.id));
        }
        let entry = Entry::new("replay", self.target.id, letter, &result);
        self.audit.print(&entry)?;
        Ok(match result {
            Ok(outcome) => Sent::Acknowledged {
                is_again: outcome == DEAD_LETTERED,
            },
            Err(_) => Sent::Kept,
        })
    }
}
