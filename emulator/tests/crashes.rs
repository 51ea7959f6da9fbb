//! Tests that kill the command repeatedly while it works on one data folder.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::publisher_client::PublisherClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::subscriber_client::SubscriberClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    AcknowledgeRequest, PublishRequest, PubsubMessage, PullRequest, PushConfig, ReceivedMessage,
    StreamingPullRequest, Subscription, Topic,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::Channel;

use crate::data_folder::Folder;
use crate::harness::{Endpoint, SUBSCRIPTION, TOPIC};

const ROUNDS: usize = 20;
const STRICT: &str = "projects/shop/subscriptions/strict";
const PUSHED: &str = "projects/shop/subscriptions/pushed";
const PATIENCE: Duration = Duration::from_secs(60);

/// The emulator's process, killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// The address, once it listens.
    address: Option<String>,
    /// The standard output, kept open.
    output: Option<BufReader<ChildStdout>>,
}

impl Process {
    fn spawn(folder: &Path) -> Self {
        Self::spawn_by(Command::new(env!("CARGO_BIN_EXE_emulator")), folder)
    }

    fn spawn_by(mut command: Command, folder: &Path) -> Self {
        let child = command
            .args(["--host-port", "127.0.0.1:0", "--eager", "--log", "warn"])
            .arg("--data-dir")
            .arg(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            child,
            address: None,
            output: None,
        }
    }

    pub(crate) fn start(folder: &Path) -> Self {
        Self::spawn(folder).started()
    }

    /// Starts an emulator that cannot write files larger than about eight megabytes.
    pub(crate) fn start_limited(folder: &Path) -> Self {
        let mut shell = Command::new("/bin/sh");
        let limit = "trap '' XFSZ; ulimit -f 16384; exec \"$@\"";
        shell.args(["-c", limit, "sh", env!("CARGO_BIN_EXE_emulator")]);
        Self::spawn_by(shell, folder).started()
    }

    fn started(mut self) -> Self {
        let output = self.child.stdout.take().unwrap();
        let output = self.output.insert(BufReader::new(output));
        let mut first = String::new();
        output.read_line(&mut first).unwrap();
        let host = first.trim().strip_prefix("export PUBSUB_EMULATOR_HOST=");
        self.address = Some(format!("http://{}", host.expect("it did not start")));
        self
    }

    /// Returns the answer of the console or of the emulator's own interface.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/{path}", self.address.as_ref().unwrap());
        let request = reqwest::Client::new().post(url).json(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(crate) async fn channel(&self) -> Channel {
        let address = self.address.clone().unwrap();
        let endpoint = Channel::from_shared(address).unwrap();
        endpoint.connect().await.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The knowledge of the clients over all rounds. All messages have different data.
#[derive(Default)]
struct Known {
    published: BTreeSet<String>,
    answered: BTreeSet<String>,
    /// By subscription, the acknowledged messages and the confirmed ones among them.
    requested_acks: HashMap<&'static str, BTreeSet<String>>,
    acks_answered: HashMap<&'static str, BTreeSet<String>>,
}

impl Known {
    fn request_acks(&mut self, subscription: &'static str, acks: impl IntoIterator<Item = String>) {
        let requested = self.requested_acks.entry(subscription).or_default();
        requested.extend(acks);
    }

    fn answer(&mut self, subscription: &'static str, acks: impl IntoIterator<Item = String>) {
        let answered = self.acks_answered.entry(subscription).or_default();
        answered.extend(acks);
    }

    /// Checks a received message: it must be published, and not acknowledged.
    fn received(&self, subscription: &'static str, received: &ReceivedMessage) -> String {
        let data = received.message.clone().unwrap().data;
        let data = String::from_utf8(data).unwrap();
        assert!(self.published.contains(&data), "{data} was invented");
        let done = self.acks_answered.get(subscription);
        let is_done = done.is_some_and(|done| done.contains(&data));
        assert!(!is_done, "{data} was redelivered to {subscription}");
        data
    }
}

/// The clients of one round. Each runs until the emulator ends.
#[derive(Clone)]
struct Clients {
    channel: Channel,
    known: Arc<Mutex<Known>>,
    /// The number of responses.
    answers: watch::Sender<usize>,
}

impl Clients {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    fn answered(&self) {
        self.answers.send_modify(|count| *count += 1);
    }

    async fn publish(self, name: String) -> Result<(), Status> {
        let mut publisher = PublisherClient::new(self.channel.clone());
        for number in 0.. {
            let data = [1, 2].map(|part| format!("{name}-{number}-{part}"));
            self.known().published.extend(data.clone());
            let messages = data.clone().map(|data| PubsubMessage {
                data: data.into(),
                ..PubsubMessage::default()
            });
            let topic = TOPIC.to_owned();
            let messages = messages.into();
            let request = PublishRequest { topic, messages };
            publisher.publish(request).await?;
            self.known().answered.extend(data);
            self.answered();
        }
        Ok(())
    }

    /// Pulls messages, and acknowledges two of three.
    async fn pull(self) -> Result<(), Status> {
        let mut subscriber = SubscriberClient::new(self.channel.clone());
        for turn in 0.. {
            let received = pull(&mut subscriber, SUBSCRIPTION, false).await?;
            let mut ack_ids = Vec::new();
            let mut acked = BTreeSet::new();
            for (number, received) in received.into_iter().enumerate() {
                let data = self.known().received(SUBSCRIPTION, &received);
                if (turn + number) % 3 > 0 {
                    acked.insert(data);
                    ack_ids.push(received.ack_id);
                }
            }
            if ack_ids.is_empty() {
                continue;
            }
            self.known().request_acks(SUBSCRIPTION, acked.clone());
            let request = AcknowledgeRequest {
                subscription: SUBSCRIPTION.to_owned(),
                ack_ids,
            };
            subscriber.acknowledge(request).await?;
            self.known().answer(SUBSCRIPTION, acked);
            self.answered();
        }
        Ok(())
    }

    /// Pulls and acknowledges on a stream that confirms acknowledgements.
    async fn stream(self) -> Result<(), Status> {
        let mut subscriber = SubscriberClient::new(self.channel.clone());
        let (requests, stream) = mpsc::channel(1_000);
        let request = StreamingPullRequest {
            subscription: STRICT.to_owned(),
            stream_ack_deadline_seconds: 600,
            ..StreamingPullRequest::default()
        };
        requests.try_send(request).unwrap();
        let answers = subscriber.streaming_pull(ReceiverStream::new(stream));
        let mut answers = answers.await?.into_inner();
        let mut under_way = HashMap::new();
        while let Some(answer) = answers.message().await? {
            let mut known = self.known();
            for (number, received) in answer.received_messages.iter().enumerate() {
                let data = known.received(STRICT, received);
                if number % 3 == 2 {
                    continue;
                }
                known.request_acks(STRICT, [data.clone()]);
                under_way.insert(received.ack_id.clone(), data);
                let request = StreamingPullRequest {
                    ack_ids: vec![received.ack_id.clone()],
                    ..StreamingPullRequest::default()
                };
                requests.try_send(request).ok();
            }
            let confirmed = answer.acknowledge_confirmation.unwrap_or_default();
            for id in confirmed.ack_ids {
                known.answer(STRICT, under_way.remove(&id));
                self.answered();
            }
        }
        Ok(())
    }
}

pub(crate) async fn pull(
    subscriber: &mut SubscriberClient<Channel>,
    subscription: &str,
    at_once: bool,
) -> Result<Vec<ReceivedMessage>, Status> {
    #[expect(deprecated, reason = "the only way to see that nothing is there")]
    let request = PullRequest {
        subscription: subscription.to_owned(),
        return_immediately: at_once,
        max_messages: 1_000,
    };
    let pulled = subscriber.pull(request).await?;
    Ok(pulled.into_inner().received_messages)
}

async fn declare(channel: Channel, endpoint: &Endpoint) {
    let topic = Topic {
        name: TOPIC.to_owned(),
        ..Topic::default()
    };
    let mut publisher = PublisherClient::new(channel.clone());
    publisher.create_topic(topic).await.unwrap();
    let mut subscriber = SubscriberClient::new(channel);
    for name in [SUBSCRIPTION, STRICT, PUSHED] {
        let push = PushConfig {
            push_endpoint: endpoint.url(),
            ..PushConfig::default()
        };
        let subscription = Subscription {
            name: name.to_owned(),
            topic: TOPIC.to_owned(),
            ack_deadline_seconds: 600,
            enable_exactly_once_delivery: name == STRICT,
            push_config: (name == PUSHED).then_some(push),
            ..Subscription::default()
        };
        subscriber.create_subscription(subscription).await.unwrap();
    }
}

/// Runs clients until there are this many responses, and kills the emulator.
async fn work_and_kill(folder: &Path, round: usize, known: &Arc<Mutex<Known>>, answers: usize) {
    let process = Process::start(folder);
    let clients = Clients {
        channel: process.channel().await,
        known: Arc::clone(known),
        answers: watch::Sender::new(0),
    };
    let mut count = clients.answers.subscribe();
    let mut work = JoinSet::new();
    for publisher in ["a", "b"] {
        work.spawn(clients.clone().publish(format!("{round}-{publisher}")));
    }
    work.spawn(clients.clone().pull());
    work.spawn(clients.clone().stream());
    let enough = timeout(PATIENCE, count.wait_for(|count| *count >= answers));
    enough.await.expect("the clients do not get on").unwrap();
    drop(process);
    drop(clients);
    while let Some(ended) = work.join_next().await {
        ended.unwrap().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_emulator_loses_no_answered_call() {
    let folder = Folder::new("crashes");
    let mut endpoint = Endpoint::start([]).await;
    let known = Arc::new(Mutex::new(Known::default()));
    let mut random = SmallRng::seed_from_u64(7);
    let process = Process::start(folder.path());
    declare(process.channel().await, &endpoint).await;
    drop(process);
    for round in 0..ROUNDS {
        if round % 5 == 4 {
            // Killed during its start.
            drop(Process::spawn(folder.path()));
        }
        let answers = random.random_range(1..120);
        work_and_kill(folder.path(), round, &known, answers).await;
    }
    let process = Process::start(folder.path());
    let known = std::mem::take(&mut *known.lock().unwrap());
    assert!(
        known.answered.len() > 10 * ROUNDS,
        "{}",
        known.answered.len()
    );
    for subscription in [SUBSCRIPTION, STRICT] {
        let mut subscriber = SubscriberClient::new(process.channel().await);
        let mut left = BTreeSet::new();
        loop {
            let received = pull(&mut subscriber, subscription, true).await.unwrap();
            if received.is_empty() {
                break;
            }
            let received = received.iter();
            left.extend(received.map(|each| known.received(subscription, each)));
        }
        let requested = &known.requested_acks[subscription];
        assert!(known.acks_answered[subscription].len() > ROUNDS);
        let lost: Vec<&String> = known
            .answered
            .iter()
            .filter(|data| !requested.contains(*data) && !left.contains(*data))
            .collect();
        assert!(lost.is_empty(), "{subscription} lost {lost:?}");
    }
    let mut unpushed = known.answered;
    while !unpushed.is_empty() {
        let push = endpoint.next().await;
        let data = push.body["message"]["data"].as_str().unwrap();
        let data = String::from_utf8(decode(data)).unwrap();
        assert!(known.published.contains(&data), "{data} was invented");
        unpushed.remove(&data);
    }
}

fn decode(data: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode(data)
        .unwrap()
}

/// Each time the emulator is killed as soon as it has answered.
#[tokio::test]
async fn what_the_page_was_answered_is_on_the_disk() {
    let folder = Folder::new("page");
    let mut process = Process::start(folder.path());
    declare_pulled(process.channel().await).await;
    let publish = ("topics/shop/orders/publish", json!({"data": "hi"}), 1);
    let purge = ("subscriptions/shop/billing/purge", json!({}), 0);
    for round in 0..ROUNDS {
        let (path, body, left) = if round % 2 == 0 { &publish } else { &purge };
        let path = format!("console/api/{path}");
        assert_eq!(process.post(&path, body).await.0, 200);
        drop(process);
        process = Process::start(folder.path());
        let mut subscriber = SubscriberClient::new(process.channel().await);
        let received = pull(&mut subscriber, SUBSCRIPTION, true).await.unwrap();
        assert_eq!(received.len(), *left, "round {round}");
    }
}

/// Creates a pull subscription.
async fn declare_pulled(channel: Channel) {
    let topic = Topic {
        name: TOPIC.to_owned(),
        ..Topic::default()
    };
    let mut publisher = PublisherClient::new(channel.clone());
    publisher.create_topic(topic).await.unwrap();
    let subscription = Subscription {
        name: SUBSCRIPTION.to_owned(),
        topic: TOPIC.to_owned(),
        ..Subscription::default()
    };
    let mut subscriber = SubscriberClient::new(channel);
    subscriber.create_subscription(subscription).await.unwrap();
}
