//! One push: the request, and what came back.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url};
use tokio::sync::{Semaphore, broadcast};
use tokio::time::{Instant, timeout};

use super::backlog::Taken;
use super::event::{DeliveryEvent, Progress, Reply};
use crate::envelope;
use crate::error::ApiError;
use crate::issuer::Issuer;
use crate::subscription::SubscriptionConfig;

/// Answers have no meaning beyond their status; short ones are read so that the connection can be used again.
const MAX_READ_BYTES: usize = 64 * 1024;
const MAX_READ_TIME: Duration = Duration::from_millis(100);
/// The most pushes under way at once, of all emulators in this process. Each needs a connection, and when the endpoint is in
/// this process too, both ends count against its limit of open files, which is 1,024 on many machines.
static ROOM: Semaphore = Semaphore::const_new(200);
/// Connections kept for the next push, for each endpoint.
const MAX_IDLE_CONNECTIONS: usize = 64;
const IDLE_TIME: Duration = Duration::from_secs(5);
/// Events that a slow listener may fall behind before it loses the oldest.
const KEPT_EVENTS: usize = 4_096;

/// Sends pushes, for all subscriptions of one emulator.
#[derive(Clone)]
pub(crate) struct Courier {
    client: Client,
    issuer: Arc<Issuer>,
    events: broadcast::Sender<DeliveryEvent>,
}

/// Where the pushes of one subscription go, worked out once per change of its settings.
pub(super) struct Destination {
    subscription: String,
    url: Url,
    /// E-mail and audience of the token.
    signed_as: Option<(String, String)>,
    deadline: Duration,
    shows_attempts: bool,
}

/// The end of one push.
pub(super) struct Ended {
    pub(super) reply: Reply,
    /// Why there was no answer, as far as is known.
    pub(super) reason: Option<String>,
    pub(super) latency: Duration,
}

impl Courier {
    /// # Errors
    /// If the HTTP client cannot be set up.
    pub(crate) fn new(issuer: Arc<Issuer>) -> reqwest::Result<Self> {
        let client = client().build().or_else(|error| {
            tracing::warn!(%error, "no TLS roots: endpoints must be plain http");
            client().tls_certs_only([]).build()
        })?;
        let (events, _) = broadcast::channel(KEPT_EVENTS);
        Ok(Self {
            client,
            issuer,
            events,
        })
    }

    pub(crate) fn events(&self) -> broadcast::Receiver<DeliveryEvent> {
        self.events.subscribe()
    }

    /// Pushes one message, once. Waiting for room is not part of the push: neither its start nor its deadline.
    pub(super) async fn push(&self, destination: &Destination, taken: &Taken) -> Ended {
        let _room = ROOM.acquire().await;
        self.tell(&destination.subscription, taken, || Progress::Started);
        let started = Instant::now();
        let sent = timeout(destination.deadline, self.send(destination, taken)).await;
        let latency = started.elapsed();
        let (reply, reason) = match sent {
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                // An endpoint that never ends its answer has answered all the same.
                timeout(MAX_READ_TIME, read(response)).await.ok();
                (Reply::Status(status), None)
            }
            Ok(Err(error)) => (Reply::NoAnswer, Some(chain(&error))),
            Err(_) => (Reply::DeadlineExceeded, None),
        };
        Ended {
            reply,
            reason,
            latency,
        }
    }

    /// Tells the listeners, if there are any.
    pub(super) fn tell(
        &self,
        subscription: &str,
        taken: &Taken,
        progress: impl FnOnce() -> Progress,
    ) {
        if self.events.receiver_count() == 0 {
            return;
        }
        let event = DeliveryEvent {
            subscription: subscription.to_owned(),
            message_id: taken.message.id.clone(),
            attempt: taken.attempt(),
            progress: progress(),
        };
        // The last listener may have gone in between, which is no loss.
        self.events.send(event).ok();
    }

    async fn send(&self, destination: &Destination, taken: &Taken) -> Result<Response, PushError> {
        let request = self.client.post(destination.url.clone());
        let request = self.sign(request, destination).await;
        let shown = destination.shows_attempts.then(|| taken.attempt());
        let body = envelope::write(&destination.subscription, &taken.message, shown)?;
        // These headers are those of Google's sample (Google, *Payload unwrapping*, sample of a wrapped request).
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "CloudPubSub-Google")
            .body(body);
        // The URL may carry a secret in its query, and errors are logged.
        let response = request.send().await;
        response.map_err(|error| PushError::Http(error.without_url()))
    }

    async fn sign(&self, request: RequestBuilder, destination: &Destination) -> RequestBuilder {
        let Some((email, audience)) = &destination.signed_as else {
            return request;
        };
        self.issuer.ready().await;
        request.bearer_auth(self.issuer.token(email, audience))
    }
}

/// Redirects are answers like others, and a laptop's proxy has no part in Pub/Sub.
fn client() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIME)
}

impl Destination {
    /// Nowhere, if the subscription is not pushed.
    pub(super) fn of(config: &SubscriptionConfig) -> Result<Option<Arc<Self>>, ApiError> {
        let Some(push) = &config.push_config else {
            return Ok(None);
        };
        let signed_as = push.oidc_token.as_ref().map(|token| {
            let email = token.service_account_email.clone();
            // The audience defaults to the endpoint as configured (Google, *PushConfig.OidcToken*, `audience`).
            let audience = token.audience.clone();
            (email, audience.unwrap_or_else(|| push.endpoint.clone()))
        });
        Ok(Some(Arc::new(Self {
            subscription: config.name.clone(),
            url: push.url()?,
            signed_as,
            deadline: config.ack_deadline,
            // Only then do pushes carry it (Google, *ReceivedMessage*, `deliveryAttempt`).
            shows_attempts: config.dead_letter_policy.is_some(),
        })))
    }
}

/// Why there was no answer to a push.
#[derive(Debug, thiserror::Error)]
enum PushError {
    #[error("the envelope cannot be written")]
    Envelope(#[from] serde_json::Error),
    #[error("the endpoint cannot be reached")]
    Http(#[source] reqwest::Error),
}

/// An error with all its causes.
fn chain(error: &dyn Error) -> String {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain = format!("{chain}: {cause}");
        source = cause.source();
    }
    chain
}

async fn read(mut response: Response) {
    let mut bytes = 0;
    while bytes < MAX_READ_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        bytes += chunk.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_failed_push_names_every_cause() {
        let envelope = serde_json::from_str::<String>("1").unwrap_err();
        let reason = chain(&PushError::from(envelope));
        assert!(reason.starts_with("the envelope cannot be written: invalid type"));
    }

    #[tokio::test]
    async fn the_reason_does_not_repeat_the_endpoint() {
        let courier = Courier::new(Arc::new(Issuer::new(String::new()))).unwrap();
        let request = courier.client.post("http://127.0.0.1:1/push?token=secret");
        let error = request.send().await.unwrap_err();
        let reason = chain(&PushError::Http(error.without_url()));
        assert!(reason.starts_with("the endpoint cannot be reached: "));
        assert!(reason.to_lowercase().contains("refused"), "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
    }
}
