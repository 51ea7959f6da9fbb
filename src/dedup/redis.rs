//! Redis and Valkey: one string a message, one script a step, so that each step is atomic and keeps the server's time.
//!
//! Values: `h:OWNER:LAPSES:ATTEMPT:FINGERPRINT` while held, `d:OWNER:WHEN:ATTEMPT:FINGERPRINT` when done; times in
//! milliseconds since 1970, the fingerprint empty where the ticket has none.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, FromRedisValue, RedisError, Script};
use tokio::time::{Instant, timeout};

use super::{Claim, DedupStore, Hold, MessageKey, Record, StoreError, Ticket};

/// The time on the server's clock, and the record as it is.
const READ: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local value = redis.call('GET', KEYS[1])
local state, owner, when, attempt, fingerprint = 'absent', '', 0, 0, ''
if value then
  state, owner, when, attempt, fingerprint = string.match(value, '^([hd]):(%x+):(%d+):(%d+):(%x*)$')
  if not state then return redis.error_reply('CORRUPT not a record of pushgate') end
  when, attempt = tonumber(when), tonumber(attempt)
end
local mine = owner == ARGV[1]
local function put(as, time)
  local record = string.format('%s:%s:%.0f:%d:%s', as, ARGV[1], time, attempt, ARGV[4])
  redis.call('SET', KEYS[1], record, 'PX', ARGV[3])
end
";

/// A crashed claim is remembered longer than its lease, so that whoever takes over knows that it does.
const CLAIM: &str = r"
if state == 'd' then return {'done', 0, fingerprint} end
if state == 'h' and not mine and when > now then return {'in progress', 0, ''} end
if not mine then attempt = attempt + 1 end
put('h', now + ARGV[2])
return {'granted', attempt, ''}
";

const RENEW: &str = r"
if state ~= 'h' or not mine then return 0 end
put('h', now + ARGV[2])
return 1
";

const FINISH: &str = r"
if not mine then return 0 end
if state == 'h' then put('d', now) end
return 1
";

const RELEASE: &str = r"
if state ~= 'h' or not mine then return 0 end
redis.call('DEL', KEYS[1])
return 1
";

const LOOK: &str = r"
if state == 'h' and when <= now then return {'lapsed', ''} end
return {state, fingerprint}
";

/// A connection that failed is thrown away, at most so often: the library's own manager keeps one whose log-in failed, or that
/// leads nowhere, for good.
const FRESH_AFTER: Duration = Duration::from_secs(1);

/// Keeps the records in a Redis or Valkey server that all instances share.
pub struct RedisStore {
    client: Client,
    timeout: Duration,
    connection: Mutex<Connection>,
    claim: Script,
    renew: Script,
    finish: Script,
    release: Script,
    look: Script,
}

struct Connection {
    manager: ConnectionManager,
    made: Instant,
}

impl RedisStore {
    /// A store at `url` (`redis://` or `rediss://`). It connects when first needed, and again by itself after the server was
    /// away; a step without an answer within `timeout` is an error.
    ///
    /// # Errors
    /// When `url` is not one of Redis.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, StoreError> {
        let refused = |error| StoreError::Refused(Arc::new(error));
        let client = Client::open(url).map_err(refused)?;
        let connection = connect(&client, timeout).map_err(refused)?;
        let script = |step: &str| Script::new(&format!("{READ}{step}"));
        Ok(Self {
            client,
            timeout,
            connection: Mutex::new(connection),
            claim: script(CLAIM),
            renew: script(RENEW),
            finish: script(FINISH),
            release: script(RELEASE),
            look: script(LOOK),
        })
    }

    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        ticket: &Ticket,
    ) -> Result<T, StoreError> {
        let mut script = script.key(format!("pushgate:{}", ticket.key));
        script
            .arg(ticket.owner.simple().to_string())
            .arg(milliseconds(ticket.lease))
            .arg(milliseconds(ticket.window.max(ticket.lease)))
            .arg(
                ticket
                    .fingerprint
                    .map_or_else(String::new, |fingerprint| fingerprint.to_string()),
            );
        let mut connection = self.connection();
        self.bounded(script.invoke_async(&mut connection)).await
    }

    async fn step(&self, script: &Script, ticket: &Ticket) -> Result<Hold, StoreError> {
        let is_held: bool = self.run(script, ticket).await?;
        Ok(if is_held { Hold::Held } else { Hold::Lost })
    }

    fn connection(&self) -> ConnectionManager {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .manager
            .clone()
    }

    /// One step within its time, connecting included.
    async fn bounded<T>(
        &self,
        step: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, StoreError> {
        let timed_out = || RedisError::from(io::Error::from(io::ErrorKind::TimedOut));
        let answer = timeout(self.timeout, step)
            .await
            .unwrap_or_else(|_| Err(timed_out()));
        answer.map_err(|error| {
            self.begin_afresh();
            store_error(error)
        })
    }

    fn begin_afresh(&self) {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if connection.made.elapsed() >= FRESH_AFTER
            && let Ok(fresh) = connect(&self.client, self.timeout)
        {
            *connection = fresh;
        }
    }
}

/// Connects when first used.
fn connect(client: &Client, timeout: Duration) -> Result<Connection, RedisError> {
    // With the library's own settings a call to a server that is down hangs for seconds; a push is better answered 503 at once.
    let settings = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_min_delay(Duration::from_millis(20))
        .set_connection_timeout(Some(timeout))
        .set_response_timeout(Some(timeout));
    Ok(Connection {
        manager: client.get_connection_manager_lazy(settings)?,
        made: Instant::now(),
    })
}

#[async_trait]
impl DedupStore for RedisStore {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        let (answer, attempt, fingerprint): (String, u32, String) =
            self.run(&self.claim, ticket).await?;
        match answer.as_str() {
            "granted" => Ok(Claim::Granted { attempt }),
            "in progress" => Ok(Claim::InProgress),
            "done" => Ok(Claim::Done(fingerprint.parse().ok())),
            _ => Err(StoreError::Corrupt),
        }
    }

    async fn renew(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.step(&self.renew, ticket).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.step(&self.finish, ticket).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.step(&self.release, ticket).await
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        let mut script = self.look.key(format!("pushgate:{key}"));
        let mut connection = self.connection();
        let (state, fingerprint): (String, String) = self
            .bounded(script.arg("nobody").invoke_async(&mut connection))
            .await?;
        match state.as_str() {
            "absent" => Ok(Record::Absent),
            "h" => Ok(Record::InProgress),
            "lapsed" => Ok(Record::Lapsed),
            "d" => Ok(Record::Done(fingerprint.parse().ok())),
            _ => Err(StoreError::Corrupt),
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let mut connection = self.connection();
        self.bounded(redis::cmd("PING").query_async(&mut connection))
            .await
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whatever may have happened in the network passes; what the server itself says (`NOAUTH`, `READONLY`, `OOM`) wants a person,
/// but for a server that is still loading its data or failing over.
fn store_error(error: RedisError) -> StoreError {
    if error.code() == Some("CORRUPT") {
        return StoreError::Corrupt;
    }
    let passes = error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_cluster_error()
        || matches!(
            error.code(),
            Some("LOADING" | "MASTERDOWN" | "TRYAGAIN" | "BUSY" | "READONLY")
        )
        || error.kind() == ErrorKind::Io;
    if passes {
        StoreError::Unavailable(Arc::new(error))
    } else {
        StoreError::Refused(Arc::new(error))
    }
}
