//! The dead letters that a command holds: pulled until none is left, and leased until the command ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use super::letter::{Letter, LetterError, Pulled};
use crate::commands::google::{Google, GoogleError};

/// The lease of a held dead letter, and the time between two renewals. After a crash of the command they are available again
/// when the lease ends.
const LEASE_SECONDS: u64 = 20;
const RENEWAL: Duration = Duration::from_secs(5);
/// The most messages of a pull (Google, *Cloud Pub/Sub API*, `PullRequest`).
const PULL: usize = 1_000;
/// The most ack ids in a request, which may have 512 KiB (Google, *Quotas and limits*).
const ACK_IDS: usize = 500;
/// The most requests at the same time.
const REQUESTS: usize = 8;
/// The most bytes that are held in memory.
pub(super) const LIMIT_BYTES: usize = 512 << 20;
/// The pause after an empty pull that did not wait.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub(super) enum HeldError {
    #[error(transparent)]
    Google(#[from] GoogleError),
    #[error("dead letter {id} cannot be read")]
    Letter { id: String, source: LetterError },
    #[error("dead letter {0} is not held by this command")]
    NotHeld(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullResponse {
    #[serde(default)]
    received_messages: Vec<Received>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    ack_id: String,
    message: Pulled,
}

/// The ack ids of the held dead letters, by dead letter id.
type AckIds = Arc<Mutex<HashMap<String, String>>>;

/// Dead letters that nobody else receives meanwhile.
pub(super) struct Held {
    google: Google,
    name: String,
    ack_ids: AckIds,
    renewal: JoinHandle<()>,
    /// The dead letters, the oldest first.
    pub(super) letters: Vec<Letter>,
    /// False if the limit of messages or bytes was reached, so that there may be more.
    pub(super) are_all: bool,
}

impl Held {
    /// Pulls the dead letters of the subscription with this full name, until none arrives for the time `wait`.
    pub(super) async fn collect(
        google: &Google,
        name: &str,
        limit: usize,
        wait: Duration,
    ) -> Result<Self, HeldError> {
        let ack_ids = AckIds::default();
        let renewal = tokio::spawn(renew(google.clone(), name.to_owned(), ack_ids.clone()));
        let mut held = Self {
            google: google.clone(),
            name: name.to_owned(),
            ack_ids,
            renewal,
            letters: Vec::new(),
            are_all: true,
        };
        let collected = held.pull_all(limit, wait).await;
        held.letters.sort_by_key(|letter| letter.publish_time);
        match collected {
            Ok(()) => Ok(held),
            Err(error) => {
                held.release().await;
                Err(error)
            }
        }
    }

    async fn pull_all(&mut self, limit: usize, wait: Duration) -> Result<(), HeldError> {
        let mut bytes = 0;
        let mut end = Instant::now() + wait;
        loop {
            let most = (limit - self.letters.len()).min(PULL);
            let Some(pulled) = self.pull(most, (!wait.is_zero()).then_some(end)).await? else {
                return Ok(());
            };
            let mut is_new = false;
            for Received { ack_id, message } in pulled {
                let id = message.message_id.clone();
                let is_known = self.lock().insert(id.clone(), ack_id).is_some();
                if is_known {
                    continue;
                }
                is_new = true;
                let letter = Letter::try_from(message);
                let letter = letter.map_err(|source| HeldError::Letter { id, source })?;
                bytes += letter.bytes();
                self.letters.push(letter);
            }
            if self.letters.len() >= limit || bytes >= LIMIT_BYTES {
                self.are_all = false;
                return Ok(());
            }
            if is_new {
                end = Instant::now() + wait;
            } else if wait.is_zero() {
                return Ok(());
            } else {
                sleep(PAUSE).await;
            }
        }
    }

    /// Pulls once. Returns `None` if the end is reached. A pull may be empty although there are messages, and waits for one unless
    /// it must return at once (Google, *Cloud Pub/Sub API*, `PullRequest`).
    async fn pull(
        &self,
        most: usize,
        end: Option<Instant>,
    ) -> Result<Option<Vec<Received>>, HeldError> {
        let body = json!({"maxMessages": most, "returnImmediately": end.is_none()});
        let pull = self.google.post::<PullResponse>(&self.name, "pull", body);
        let Some(end) = end else {
            return Ok(Some(pull.await?.received_messages));
        };
        match timeout_at(end, pull).await {
            Ok(answer) => Ok(Some(answer?.received_messages)),
            Err(_) => Ok(None),
        }
    }

    /// Acknowledges a dead letter, which ends it.
    pub(super) async fn ack(&self, id: &str) -> Result<(), HeldError> {
        let ack_id = self.lock().get(id).cloned();
        let ack_id = ack_id.ok_or_else(|| HeldError::NotHeld(id.to_owned()))?;
        let body = json!({"ackIds": [ack_id]});
        let acked = self
            .google
            .post::<IgnoredAny>(&self.name, "acknowledge", body);
        acked.await?;
        self.lock().remove(id);
        Ok(())
    }

    /// Ends the leases of all dead letters that were not acknowledged. A failure only means that they are available later.
    pub(super) async fn release(self) {
        self.renewal.abort();
        let ack_ids: Vec<_> = self.lock().values().cloned().collect();
        modify(&self.google, &self.name, &ack_ids, 0).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.ack_ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews the leases until it is aborted. A failure is repaired by the next renewal, or by another delivery of the dead letter.
async fn renew(google: Google, name: String, ack_ids: AckIds) {
    let mut ticks = interval(RENEWAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let ids: Vec<_> = {
            let ack_ids = ack_ids.lock().unwrap_or_else(PoisonError::into_inner);
            ack_ids.values().cloned().collect()
        };
        modify(&google, &name, &ids, LEASE_SECONDS).await;
    }
}

/// Changes the leases of all these, each request once: a failed one concerns no other, and a renewal follows soon.
async fn modify(google: &Google, name: &str, ack_ids: &[String], seconds: u64) {
    let bodies = ack_ids
        .chunks(ACK_IDS)
        .map(|ack_ids| json!({"ackIds": ack_ids, "ackDeadlineSeconds": seconds}));
    let bodies: Vec<_> = bodies.collect();
    let requests = stream::iter(bodies).for_each_concurrent(REQUESTS, |body| {
        let (google, name) = (google.clone(), name.to_owned());
        async move {
            let _ = google.post_once(&name, "modifyAckDeadline", &body).await;
        }
    });
    requests.await;
}
