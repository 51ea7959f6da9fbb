//! Three instances with one Redis are frozen, cut off and killed while messages and duplicates arrive.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::harness::backend::Server;
use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::process::{Process, obedient, settings};
use crate::harness::redis_server::RedisServer;
use crate::harness::{AUDIENCE, CALLER, client, soon};

const INSTANCES: usize = 3;
const PUBLISHERS: usize = 12;
/// In `./test`; with `PUSHGATE_TEST_CHAOS_SECONDS` as long as wanted.
const SECONDS: u64 = 15;

#[expect(
    clippy::disallowed_methods,
    reason = "a longer run is asked for in the environment"
)]
fn seconds() -> u64 {
    let wanted = std::env::var("PUSHGATE_TEST_CHAOS_SECONDS").ok();
    let seconds = wanted.map(|seconds| seconds.parse().expect("seconds"));
    seconds.unwrap_or(SECONDS)
}

fn random(below: u64) -> u64 {
    u64::try_from(Uuid::new_v4().as_u128() % u128::from(below)).expect("small")
}

/// The effects and processes known to the test.
#[derive(Default)]
struct Effects {
    /// Completed effects of a message, with the process of each.
    completed: HashMap<String, Vec<u32>>,
    /// Processes that were killed or frozen.
    disturbed: HashSet<u32>,
}

struct Chaos {
    google: Arc<Google>,
    settings: Vec<(&'static str, String)>,
    instances: RwLock<Vec<(Process, String)>>,
    effects: Mutex<Effects>,
    address: String,
}

impl Chaos {
    /// Answers a handler that has begun.
    async fn obeyed(self: Arc<Self>, connection: TcpStream) -> Option<()> {
        let mut connection = BufReader::new(connection).lines();
        let begun = connection.next_line().await.ok()??;
        let (process, id) = begun.split_once(' ')?;
        sleep(Duration::from_millis(random(400))).await;
        let order = if random(20) == 0 { b"f" } else { b"s" };
        connection.get_mut().get_mut().write_all(order).await.ok()?;
        connection.next_line().await.ok()??;
        let mut effects = self.effects.lock().expect("effects");
        let process = process.parse().expect("a process");
        effects
            .completed
            .entry(id.into())
            .or_default()
            .push(process);
        Some(())
    }

    async fn push(&self, message: &TestMessage) -> Option<u16> {
        let url = {
            let instances = self.instances.read().await;
            let chosen = random(INSTANCES as u64);
            instances[usize::try_from(chosen).expect("small")].1.clone()
        };
        let token = self.google.emulator.issuer().token(CALLER, AUDIENCE);
        let request = client().post(url).bearer_auth(token).body(message.body());
        let answer = timeout(Duration::from_secs(5), request.send()).await;
        Some(answer.ok()?.ok()?.status().as_u16())
    }

    /// Pushes until acked, as Pub/Sub does; some messages twice at the same time, some once more later.
    async fn deliver(&self, message: &TestMessage) {
        loop {
            let is_racing = random(10) < 3;
            let second = async {
                if is_racing {
                    self.push(message).await;
                }
            };
            let (status, ()) = tokio::join!(self.push(message), second);
            if status == Some(204) {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        if random(10) < 3 {
            self.push(message).await;
        }
    }

    async fn publish(&self, until: Instant) -> Vec<TestMessage> {
        let mut published = Vec::new();
        while Instant::now() < until {
            let subscription = ["obeys", "obeys-once"][usize::from(random(2) == 0)];
            let message = TestMessage::new(subscription, self.address.clone());
            self.deliver(&message).await;
            published.push(message);
        }
        published
    }

    async fn replace(&self, signal: &str) {
        let mut instances = self.instances.write().await;
        let (mut old, _) = instances.remove(0);
        self.disturb(&old);
        old.signal(signal).await;
        old.exit().await;
        instances.push(Process::listening(obedient(), &self.settings).await);
    }

    fn disturb(&self, process: &Process) {
        let mut effects = self.effects.lock().expect("effects");
        effects.disturbed.insert(process.id());
    }

    async fn disturb_all(&self, mut redis: RedisServer, until: Instant) -> RedisServer {
        while Instant::now() < until {
            let pause = Duration::from_millis(200 + random(2800));
            match random(6) {
                0 => {
                    redis.freeze();
                    sleep(pause).await;
                    redis.thaw();
                }
                1 => drop(redis.call(&["client", "kill", "type", "normal"])),
                2 => redis.restart().await,
                3 => self.replace("-KILL").await,
                4 => self.replace("-TERM").await,
                _ => {
                    let instances = self.instances.read().await;
                    let frozen = &instances[0].0;
                    self.disturb(frozen);
                    frozen.signal("-STOP").await;
                    sleep(pause).await;
                    frozen.signal("-CONT").await;
                }
            }
            sleep(Duration::from_millis(random(600))).await;
        }
        redis
    }

    /// A message is done once, or more often if an instance was cut off between the effect and its record; one whose subscriber
    /// holds it after a crash never runs twice to its end.
    fn check(&self, published: &[TestMessage]) {
        let letters = self.google.dead_letters();
        let held: HashSet<&str> = letters
            .iter()
            .filter_map(|letter| letter.attributes.get("pushgate-source-message-id"))
            .map(String::as_str)
            .collect();
        let effects = self.effects.lock().expect("effects");
        for message in published {
            let completed = effects.completed.get(&message.id);
            let processes = completed.map_or(&[][..], Vec::as_slice);
            let is_held = held.contains(message.id.as_str());
            assert!(is_held || !processes.is_empty(), "acked without an effect");
            if processes.len() > 1 {
                assert_eq!(message.subscription, "obeys", "a held message ran twice");
                let cut_off = |process: &u32| effects.disturbed.contains(process);
                let is_explained = processes.iter().any(cut_off);
                assert!(
                    is_explained,
                    "ran twice, although no instance was disturbed"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server (./test installs it)"]
async fn every_message_has_its_effect_whatever_fails() {
    let redis = RedisServer::start().await;
    let google = Arc::new(Google::start().await);
    google.keep_dead_letters();
    let settings = settings(&google, &redis.url());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut instances = Vec::new();
    for _ in 0..INSTANCES {
        instances.push(Process::listening(obedient(), &settings).await);
    }
    let chaos = Arc::new(Chaos {
        google,
        settings,
        instances: RwLock::new(instances),
        effects: Mutex::default(),
        address: listener.local_addr().expect("an address").to_string(),
    });
    let obeying = Arc::clone(&chaos);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(Arc::clone(&obeying).obeyed(connection));
        }
    });
    let until = Instant::now() + Duration::from_secs(seconds());
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|_| {
            let chaos = Arc::clone(&chaos);
            tokio::spawn(async move { chaos.publish(until).await })
        })
        .collect();
    let redis = chaos.disturb_all(redis, until).await;
    let mut published = Vec::new();
    for publisher in publishers {
        published.extend(soon("all acks", publisher).await.expect("a publisher"));
    }
    chaos.check(&published);
    drop(redis);
}
