//! The way of a replay: to the endpoint of one subscription, or to the topic.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use tokio::time::Instant;

use super::letter::{Letter, LetterError, printable};
use super::pace::Pace;
use crate::commands::google::{Google, GoogleError, OidcToken, PushConfig};
use crate::commands::progress::print_note;
use crate::environment::Environment;
use crate::loggable::excerpt;
use crate::package::invocation;
use crate::publisher::{Channel, PublishError, Settings};

/// The age at which an ID token is replaced. Google's are valid for an hour.
const TOKEN_AGE: Duration = Duration::from_secs(30 * 60);
/// The time that a response may take beyond the ack deadline.
const SLACK: Duration = Duration::from_secs(10);
/// The header in which the service names the outcome.
const OUTCOME: &str = "pushgate-outcome";
/// The outcome of a push whose message was not claimed.
const REFUSED: &str = "refused";
/// The times that one replay is sent again to a busy service.
const REPEATS: usize = 4;

/// The error of a replay that is not confirmed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReplayed {
    #[error(
        "{0} is paused: end that with {program} resume, or use --to-topic, by which it receives the messages after the pause",
        program = invocation()
    )]
    Paused(String),
    #[error("{0} has no push endpoint, so it is a pull subscription: use --to-topic")]
    NoEndpoint(String),
    #[error(transparent)]
    Google(#[from] GoogleError),
    #[error(
        "{0} gives no answer: is its ingress open to this machine? --to-topic needs no connection to it"
    )]
    NoAnswer(String, #[source] reqwest::Error),
    #[error("the service answers {0}: see its log line of this message")]
    Status(StatusCode),
    #[error("the service is busy, and answers {status}{reason}")]
    Busy {
        status: StatusCode,
        /// The beginning of its answer, after a colon.
        reason: String,
        /// The pause that it asks for.
        asked: Option<Duration>,
    },
    #[error(
        "the endpoint answers {0} without the header {OUTCOME}: it is not a service of pushgate"
    )]
    OtherService(StatusCode),
    #[error(
        "a replay of it has run already, perhaps with other data: to run it once more, export, discard and import it with --again"
    )]
    RanBefore,
    #[error(transparent)]
    Published(#[from] PublishError),
    #[error(transparent)]
    Letter(#[from] LetterError),
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
    pace: Pace,
}

impl Route {
    /// Finds the endpoint and the account of the subscription with this full name.
    pub(super) async fn push(google: &Google, name: &str) -> Result<Self, NotReplayed> {
        let found = google.subscription(name).await?;
        if found.is_paused() {
            return Err(NotReplayed::Paused(name.to_owned()));
        }
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
            pace: Pace::new(),
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
    pub(super) async fn send(
        &self,
        letter: &Letter,
        target: &Target<'_>,
    ) -> Result<String, NotReplayed> {
        match self {
            Self::Push(push) => push.send(letter, target).await,
            Self::Topic(channel) => {
                let sent = channel.enqueue(letter.draft(target.source())?).await?;
                Ok(format!("published as {}", sent.await?))
            }
        }
    }
}

impl Push {
    /// Sends a replay, and sends it again after a pause if the service is busy.
    async fn send(&self, letter: &Letter, target: &Target<'_>) -> Result<String, NotReplayed> {
        let mut repeats = 0;
        loop {
            self.pace.wait().await;
            let sent = self.send_once(letter, target).await;
            let Err(NotReplayed::Busy { asked, .. }) = &sent else {
                self.pace.recover();
                return sent;
            };
            if let (Some(pause), Err(busy)) = (self.pace.slow_down(*asked), &sent) {
                let seconds = pause.as_secs_f64();
                print_note(&format!("{busy}; all replays pause for {seconds:.1} s"));
            }
            if repeats == REPEATS {
                return sent;
            }
            repeats += 1;
        }
    }

    async fn send_once(&self, letter: &Letter, target: &Target<'_>) -> Result<String, NotReplayed> {
        let body = letter.push(&target.name, target.source());
        let mut request = self.google.http.post(&self.endpoint).json(&body);
        if let Some(account) = &self.account {
            request = request.bearer_auth(self.token(account).await?);
        }
        let sent = request.timeout(self.timeout).send().await;
        let answer = sent.map_err(|error| {
            // A query may hold a secret.
            let endpoint = self.endpoint.split('?').next().unwrap_or_default();
            NotReplayed::NoAnswer(endpoint.to_owned(), error.without_url())
        })?;
        let outcome = answer.headers().get(OUTCOME);
        let outcome = outcome.and_then(|outcome| outcome.to_str().ok());
        let outcome = outcome.map(str::to_owned);
        match (answer.status().as_u16(), outcome) {
            // Pub/Sub takes these as an acknowledgement, too (Google, *Push subscriptions*).
            (102 | 200 | 201 | 202 | 204, Some(outcome)) => Ok(outcome),
            (102 | 200 | 201 | 202 | 204, None) => Err(NotReplayed::OtherService(answer.status())),
            // A refusal does not concern the message. Cloud Run itself answers without the header.
            (429 | 503, outcome) if outcome.as_deref().is_none_or(|one| one == REFUSED) => {
                Err(busy(answer, outcome.is_some()).await)
            }
            _ => Err(NotReplayed::Status(answer.status())),
        }
    }

    /// Returns the token, or a new one if it is old.
    async fn token(&self, account: &OidcToken) -> Result<String, GoogleError> {
        let kept = || self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, token)) = &*kept()
            && since.elapsed() < TOKEN_AGE
        {
            return Ok(token.clone());
        }
        let token = self.google.id_token(account).await?;
        *kept() = Some((Instant::now(), token.clone()));
        Ok(token)
    }
}

/// Reads a busy answer. Only the service's own names its kind of refusal.
async fn busy(mut answer: Response, is_own: bool) -> NotReplayed {
    let asked = answer.headers().get(RETRY_AFTER);
    let asked = asked.and_then(|asked| asked.to_str().ok()?.parse().ok());
    let status = answer.status();
    let mut reason = String::new();
    if is_own && let Ok(Some(body)) = answer.chunk().await {
        let text = excerpt(String::from_utf8_lossy(&body).trim());
        reason = format!(": {}", printable(&text));
    }
    NotReplayed::Busy {
        status,
        reason,
        asked: asked.map(Duration::from_secs),
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
