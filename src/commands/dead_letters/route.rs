//! The way of a replay: to the endpoint of one subscription, or to the topic.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use reqwest::StatusCode;
use tokio::time::Instant;

use super::letter::{Letter, LetterError};
use crate::commands::google::{Google, GoogleError, OidcToken, PushConfig};
use crate::environment::Environment;
use crate::publisher::{Channel, PublishError, Settings};

/// The age at which an ID token is replaced. Google's are valid for an hour.
const TOKEN_AGE: Duration = Duration::from_secs(30 * 60);
/// The time that a response may take beyond the ack deadline.
const SLACK: Duration = Duration::from_secs(10);
/// The header in which the service names the outcome.
const OUTCOME: &str = "pushgate-outcome";

/// The error of a replay that is not confirmed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReplayed {
    #[error(
        "{0} is paused: end that with pushgate resume, or use --to-topic, by which it receives the messages after the pause"
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
        let answer = sent.map_err(|error| {
            // A query may hold a secret.
            let endpoint = self.endpoint.split('?').next().unwrap_or_default();
            NotReplayed::NoAnswer(endpoint.to_owned(), error.without_url())
        })?;
        // Pub/Sub takes these as an acknowledgement, too (Google, *Push subscriptions*).
        if !matches!(answer.status().as_u16(), 102 | 200 | 201 | 202 | 204) {
            return Err(NotReplayed::Status(answer.status()));
        }
        let outcome = answer.headers().get(OUTCOME);
        let outcome = outcome.and_then(|outcome| outcome.to_str().ok());
        let outcome = outcome.ok_or(NotReplayed::OtherService(answer.status()))?;
        Ok(outcome.to_owned())
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
