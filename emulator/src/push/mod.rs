//! Pushes messages: one HTTP request in the form of the subscription, and its answer.

mod answer;
mod concurrency;
mod connection;
mod connections;
mod connector;
mod destination;
mod event;
mod reason;
mod unwrapped;
mod wrapped;

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

pub(crate) use self::answer::{Answer, MAX_KEPT_BYTES};
use self::connection::{Answered, Connection, Failed, PushRequest};
use self::connections::Endpoints;
use self::connector::Connector;
pub(crate) use self::destination::Destination;
use self::reason::reason;
pub(crate) use self::wrapped::timestamp;
use crate::clock::{Clock, machine_instant};
use crate::event::{DeliveryEvent, Progress, Reply};
use crate::faults::TokenChoice;
use crate::issuer::Issuer;
use crate::messages::storage::StoredMessage;

/// The most events that a slow receiver may be behind. Then it loses the oldest.
const KEPT_EVENTS: usize = 4_096;
const PROCESSING: u16 = 102;

/// Sends pushes, for all subscriptions of one emulator.
#[derive(Clone)]
pub(crate) struct Pusher {
    connector: Arc<Connector>,
    endpoints: Arc<Endpoints>,
    issuer: Arc<Issuer>,
    clock: Clock,
    events: broadcast::Sender<DeliveryEvent>,
}

/// The content of one push.
pub(crate) struct Outgoing {
    pub(crate) message: Arc<StoredMessage>,
    /// One more than the failures so far (Google, *ReceivedMessage*, `deliveryAttempt`).
    pub(crate) attempt: u32,
    pub(crate) token: TokenChoice,
}

/// The end of one push.
pub(crate) struct Ended {
    pub(crate) reply: Reply,
    /// The reason for a missing answer, if it is known.
    pub(crate) reason: Option<String>,
    /// The time from the start of the request to the status line, or to the time-out.
    pub(crate) latency: Duration,
    /// The answer, if there was one and it is recorded.
    pub(crate) answer: Option<Answer>,
}

impl Ended {
    /// Returns the end of a push that a fault prevented.
    pub(crate) fn unreachable() -> Self {
        Self {
            reply: Reply::NoAnswer,
            reason: Some("simulated fault: the endpoint cannot be reached".to_owned()),
            latency: Duration::ZERO,
            answer: None,
        }
    }

    /// Replaces the answer, which a fault loses.
    pub(crate) fn lose_answer(&mut self) {
        self.reply = Reply::NoAnswer;
        self.reason = Some("simulated fault: the answer was lost".to_owned());
    }
}

/// The error of an unanswered push. No error repeats the URL, whose query may contain a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushError {
    #[error("the envelope cannot be written")]
    Envelope(#[from] serde_json::Error),
    #[error("the endpoint cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    #[error("the endpoint did not answer")]
    Broken(#[source] hyper::Error),
}

impl Pusher {
    pub(crate) fn new(issuer: Arc<Issuer>, clock: Clock) -> Self {
        let (events, _) = broadcast::channel(KEPT_EVENTS);
        Self {
            connector: Arc::new(Connector::new()),
            endpoints: Arc::default(),
            issuer,
            clock,
            events,
        }
    }

    pub(crate) fn events(&self) -> broadcast::Receiver<DeliveryEvent> {
        self.events.subscribe()
    }

    /// Sends an event to the receivers, if there are any.
    pub(crate) fn report(
        &self,
        subscription: &str,
        message_id: &str,
        attempt: u32,
        progress: impl FnOnce() -> Progress,
    ) {
        if self.events.receiver_count() == 0 {
            return;
        }
        let event = DeliveryEvent {
            subscription: subscription.to_owned(),
            message_id: message_id.to_owned(),
            attempt,
            progress: progress(),
        };
        // The last receiver may have been dropped in between.
        self.events.send(event).ok();
    }

    /// Pushes one message once. The wait for a permit precedes the start of the push and its deadline. With `record` the result
    /// has an excerpt of the answer.
    pub(crate) async fn push(
        &self,
        destination: &Destination,
        outgoing: &Outgoing,
        record: bool,
    ) -> Ended {
        let _permit = destination.own_permit.acquire().await;
        let (id, attempt) = (&outgoing.message.id, outgoing.attempt);
        self.report(destination.subscription(), id, attempt, || {
            Progress::Started
        });
        let started = machine_instant();
        // Pinned here, since a future that is passed on would take its space twice.
        let exchange = pin!(self.exchange(destination, outgoing));
        let answered = self.clock.within(destination.deadline, exchange).await;
        let latency = started.elapsed();
        let (reply, reason, answer) = match answered {
            None => (Reply::DeadlineExceeded, None, None),
            Some(Err(error)) => (Reply::NoAnswer, Some(reason(&error)), None),
            Some(Ok((connection, answered))) => {
                let (status, answer) = finish(destination, connection, answered, record).await;
                (Reply::Status(status), None, answer)
            }
        };
        Ended {
            reply,
            reason,
            latency,
            answer,
        }
    }

    async fn exchange(
        &self,
        destination: &Destination,
        outgoing: &Outgoing,
    ) -> Result<(Box<Connection>, Answered), PushError> {
        let mut request = destination.request(outgoing, &self.issuer).await?;
        loop {
            let (connection, is_kept) = self.connection(destination).await?;
            // An endpoint may close idle connections. If nothing was sent, the push uses another connection. Otherwise it
            // has failed, since the endpoint may have the message.
            match attempt_on(connection, request).await {
                Err(Failed::Unsent(unsent, _)) if is_kept => request = *unsent,
                Err(Failed::Unsent(_, error) | Failed::Broken(error)) => return Err(error),
                Ok(answered) => return Ok(answered),
            }
        }
    }

    /// Returns a connection, and true if it was used before.
    async fn connection(
        &self,
        destination: &Destination,
    ) -> Result<(Box<Connection>, bool), PushError> {
        let endpoint = &destination.endpoint;
        let connections = destination
            .connections
            .get_or_init(|| self.endpoints.to(endpoint));
        if let Some(kept) = connections.take() {
            return Ok((kept, true));
        }
        let _turn = connections.turn_to_open().await;
        // Another push may have ended in the meantime.
        if let Some(kept) = connections.take() {
            return Ok((kept, true));
        }
        // Boxed, since it is large and rarely needed.
        let opening = Box::pin(Connection::open(&self.connector, endpoint));
        Ok((opening.await?, false))
    }
}

async fn attempt_on(
    mut connection: Box<Connection>,
    request: PushRequest,
) -> Result<(Box<Connection>, Answered), Failed> {
    let answered = connection.send(request).await?;
    Ok((connection, answered))
}

/// Returns the status and the recorded answer. The connection is kept if the rest of the answer is short.
async fn finish(
    destination: &Destination,
    mut connection: Box<Connection>,
    answered: Answered,
    record: bool,
) -> (u16, Option<Answer>) {
    let Answered::Finally(response) = answered else {
        return (PROCESSING, record.then(|| Answer::interim(PROCESSING)));
    };
    let status = response.status().as_u16();
    let mut answer = record.then(|| Answer::of(&response));
    if connection.finish(response, answer.as_mut()).await
        && let Some(connections) = destination.connections.get()
    {
        connections.keep(connection);
    }
    (status, answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::Forgery;
    use crate::messages::message::{Message, ReceivedMessage};
    use crate::messages::storage::Storage;
    use crate::resources::subscription::{PushConfig, SubscriptionConfig};
    use time::OffsetDateTime;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn pusher() -> Pusher {
        rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .ok();
        let issuer = Issuer::new("http://issuer.example".to_owned());
        Pusher::new(Arc::new(issuer), Clock::default())
    }

    fn destination(endpoint: String) -> Arc<Destination> {
        let mut config =
            SubscriptionConfig::new("projects/p/subscriptions/sub", "projects/p/topics/top");
        let push = PushConfig::new(endpoint).signed_as("push@shop.example", None);
        config.push_config = Some(push);
        Destination::of(&config).unwrap().unwrap()
    }

    fn outgoing(token: TokenChoice) -> Outgoing {
        let message = ReceivedMessage::new(1, Message::new("hi"), OffsetDateTime::UNIX_EPOCH);
        let stored = Storage::new(None).store(vec![message]).unwrap();
        Outgoing {
            message: Arc::clone(&stored[0]),
            attempt: 1,
            token,
        }
    }

    /// Pushes to an endpoint that sends `answer`. Returns the request of the endpoint, too.
    async fn pushed(answer: String, token: TokenChoice, record: bool) -> (Ended, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let destination = destination(format!("http://{}/", listener.local_addr().unwrap()));
        let endpoint = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 16 * 1024];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let push = outgoing(token);
        let ended = pusher().push(&destination, &push, record).await;
        (ended, endpoint.await.unwrap())
    }

    #[tokio::test]
    async fn an_answer_is_recorded_as_far_as_it_is_short() {
        let headers: String = (0..40)
            .map(|each| format!("h-{each}: {each}\r\n"))
            .collect();
        let body = "b".repeat(3 * 1024);
        let answer = format!("HTTP/1.1 400 Bad\r\n{headers}content-length: 3072\r\n\r\n{body}");
        let (ended, _) = pushed(answer.clone(), TokenChoice::Good, true).await;
        assert_eq!(ended.reply, Reply::Status(400));
        let recorded = ended.answer.unwrap();
        assert_eq!(recorded.status, 400);
        assert_eq!(recorded.headers.len(), 32);
        assert_eq!(recorded.headers[1], ("h-1".to_owned(), "1".to_owned()));
        assert_eq!(recorded.body, &body.as_bytes()[..2 * 1024]);
        let (ended, _) = pushed(answer, TokenChoice::Good, false).await;
        assert_eq!(ended.answer, None);
    }

    #[tokio::test]
    async fn the_beginning_of_an_endless_answer_is_recorded() {
        let answer = "HTTP/1.1 204 No\r\n\r\n".to_owned();
        let (ended, _) = pushed(answer, TokenChoice::Good, true).await;
        assert_eq!(ended.answer.unwrap().body, b"");
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegin".to_owned();
        let (ended, _) = pushed(answer, TokenChoice::Good, true).await;
        assert_eq!(ended.reply, Reply::Status(200));
        assert_eq!(ended.answer.unwrap().body, b"begin");
    }

    #[tokio::test]
    async fn an_answer_with_hundreds_of_headers_is_an_answer() {
        let headers: String = (0..500).map(|each| format!("h-{each}: 1\r\n")).collect();
        let answer = format!("HTTP/1.1 204 No\r\n{headers}\r\n");
        let (ended, _) = pushed(answer, TokenChoice::Good, false).await;
        assert_eq!(ended.reply, Reply::Status(204));
    }

    async fn check_token(token: TokenChoice, carries: bool, expected: &str) {
        let (_, request) = pushed("HTTP/1.1 204 No\r\n\r\n".to_owned(), token, false).await;
        assert_eq!(request.contains("authorization: Bearer "), carries);
        assert!(request.contains(expected), "{token:?}: {request}");
    }

    #[tokio::test]
    async fn a_push_carries_the_token_that_is_chosen() {
        check_token(TokenChoice::Missing, false, "").await;
        // {"alg":"RS256" and {"alg":"none"
        check_token(TokenChoice::Good, true, "Bearer eyJhbGciOiJSUzI1NiI").await;
        let unsigned = TokenChoice::Forged(Forgery::Unsigned);
        check_token(unsigned, true, "Bearer eyJhbGciOiJub25lI").await;
    }

    #[tokio::test]
    async fn the_reason_does_not_repeat_the_endpoint() {
        let destination = destination("http://127.0.0.1:1/push?token=secret".to_owned());
        let push = outgoing(TokenChoice::Good);
        let ended = pusher().push(&destination, &push, false).await;
        assert_eq!(ended.reply, Reply::NoAnswer);
        let reason = ended.reason.unwrap();
        assert!(reason.starts_with("the endpoint cannot be reached: "));
        assert!(reason.to_lowercase().contains("refused"), "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
    }

    #[tokio::test]
    async fn an_endpoint_with_tls_is_reached_with_tls_alone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let destination = destination(format!("https://{}/", listener.local_addr().unwrap()));
        let first = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let first = stream.read_u8().await.unwrap();
            let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            first
        });
        let push = outgoing(TokenChoice::Good);
        let ended = pusher().push(&destination, &push, false).await;
        assert_eq!(ended.reply, Reply::NoAnswer);
        let reason = ended.reason.unwrap();
        assert!(reason.contains("does not speak TLS"), "{reason}");
        assert_eq!(first.await.unwrap(), 22, "a handshake of TLS");
    }
}
