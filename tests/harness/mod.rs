//! Starts services, stores and Google's side on free ports, and pushes to them.

pub(crate) mod authority;
pub(crate) mod backend;
pub(crate) mod collector;
pub(crate) mod empty_root;
pub(crate) mod faulty_store;
pub(crate) mod firestore_emulator;
pub(crate) mod forms;
pub(crate) mod google;
pub(crate) mod key_server;
pub(crate) mod message;
pub(crate) mod mint;
pub(crate) mod network;
pub(crate) mod official;
pub(crate) mod port;
pub(crate) mod probe;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod promql;
pub(crate) mod redis_cluster;
pub(crate) mod redis_server;
pub(crate) mod repository;
pub(crate) mod rpc_proxy;
pub(crate) mod text;
pub(crate) mod tls_key_server;
pub(crate) mod warehouse;
pub(crate) mod watched_store;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pushgate::dedup::{DedupStore, MemoryStore};
use pushgate::{Config, Environment, Idempotency, Running, Subscriber};
use tokio::time::timeout;

use self::google::Google;
use self::message::TestMessage;
pub(crate) use self::port::free_port;
use self::probe::{Probe, probe};
use self::prometheus::Samples;

pub(crate) const PROJECT: &str = "test-project";
pub(crate) const AUDIENCE: &str = "https://push.example.com";
pub(crate) const CALLER: &str = "push@test-project.iam.gserviceaccount.com";
/// The caller that only the subscription `other` is bound to.
pub(crate) const OTHERS_CALLER: &str = "other@test-project.iam.gserviceaccount.com";

/// The longest wait for anything on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for an event that must happen.
pub(crate) async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    timeout(PATIENCE, event)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen within {PATIENCE:?}"))
}

/// Lets time pass for the whole process, without waiting for it.
pub(crate) async fn time_passes(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

/// A subscriber with the probe as its handler.
pub(crate) fn subscriber(id: &str) -> Subscriber {
    declared(Subscriber::new(id, probe))
}

/// Adds the declarations that every test subscriber has.
pub(crate) fn declared(subscriber: Subscriber) -> Subscriber {
    subscriber
        .topic("tests")
        .purpose("Tells a test what happens.")
        .producers(["the test"])
        .idempotency(Idempotency::by_message_id())
        .dead_letter_topic("probe-dead-letter")
}

/// The parts of a service. The default has subscriptions `probe` and `other` and a memory store.
pub(crate) struct Setup {
    subscribers: Vec<Subscriber>,
    settings: Vec<(String, String)>,
    store: Arc<dyn DedupStore>,
    google: Option<Arc<Google>>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self {
            subscribers: vec![
                subscriber("probe"),
                subscriber("other").callers([OTHERS_CALLER]),
            ],
            settings: Vec::new(),
            store: Arc::new(MemoryStore::default()),
            google: None,
        }
    }

    /// Replaces all subscribers.
    pub(crate) fn subscriber(mut self, subscriber: Subscriber) -> Self {
        self.subscribers = vec![subscriber];
        self
    }

    /// Adds a subscriber.
    pub(crate) fn also(mut self, subscriber: Subscriber) -> Self {
        self.subscribers.push(subscriber);
        self
    }

    pub(crate) fn setting(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.into(), value.to_string()));
        self
    }

    /// Exports metrics for Prometheus on a free port.
    pub(crate) fn measured(self) -> Self {
        self.setting("OTEL_METRICS_EXPORTER", "prometheus")
            .setting("OTEL_EXPORTER_PROMETHEUS_PORT", 0)
    }

    pub(crate) fn store(mut self, store: Arc<dyn DedupStore>) -> Self {
        self.store = store;
        self
    }

    pub(crate) fn google(mut self, google: &Arc<Google>) -> Self {
        self.google = Some(Arc::clone(google));
        self
    }

    pub(crate) async fn start(self) -> Service {
        let google = match &self.google {
            Some(google) => Arc::clone(google),
            None => Arc::new(Google::start().await),
        };
        let mut service = Service {
            google,
            probe: Probe::default(),
            setup: self,
            running: None,
            url: String::new(),
        };
        let (running, url) = service.instance().await;
        (service.running, service.url) = (Some(running), url);
        service
    }
}

/// A service in this process, with everything around it.
pub(crate) struct Service {
    pub(crate) google: Arc<Google>,
    pub(crate) probe: Probe,
    pub(crate) url: String,
    setup: Setup,
    running: Option<Running>,
}

/// The reply to a push.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The kind of outcome that the service names to authenticated pushers.
    pub(crate) outcome: Option<String>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Setup::new().start().await
    }

    /// Starts another instance with the same subscribers, store and handler.
    pub(crate) async fn instance(&self) -> (Running, String) {
        let given = [
            ("GOOGLE_CLOUD_PROJECT", PROJECT.to_owned()),
            ("PUSHGATE_STORE", "memory:".into()),
            ("PUSHGATE_STORE_TIMEOUT_MILLISECONDS", "300".into()),
            ("PUSHGATE_AUDIENCE", AUDIENCE.into()),
            ("PUSHGATE_CALLERS", CALLER.into()),
            (
                "PUSHGATE_ISSUER",
                self.google.emulator.issuer().url().to_owned(),
            ),
            ("PUSHGATE_KEYS_URL", self.google.keys_url()),
            (
                "PUBSUB_EMULATOR_HOST",
                self.google.emulator.address().to_string(),
            ),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value));
        let environment: Environment = given
            .into_iter()
            .chain(self.setup.settings.clone())
            .collect();
        let config = Config::read(&environment).expect("settings").on_loopback(0);
        let probe = self.probe.clone();
        let mut service = pushgate::Service::new()
            .store(Arc::clone(&self.setup.store))
            .state(move |_| {
                let probe = probe.clone();
                async move { Ok::<_, std::io::Error>(probe) }
            });
        for subscriber in &self.setup.subscribers {
            service = service.subscriber(subscriber.clone());
        }
        let running = service.start(&config).await.expect("the service starts");
        let url = format!("http://{}", running.address());
        (running, url)
    }

    /// A message that gives the probe a task.
    pub(crate) fn message(&self, data: &str) -> TestMessage {
        TestMessage::new("probe", data)
    }

    /// A token as Pub/Sub sends it.
    pub(crate) fn token(&self) -> String {
        self.google.emulator.issuer().token(CALLER, AUDIENCE)
    }

    /// Pushes as Pub/Sub does.
    pub(crate) async fn push(&self, message: &TestMessage) -> Reply {
        self.push_with(message, &self.token()).await
    }

    pub(crate) async fn push_with(&self, message: &TestMessage, token: &str) -> Reply {
        push_to(&self.url, message.body(), token).await
    }

    /// Pushes any body.
    pub(crate) async fn push_body(&self, body: impl Into<reqwest::Body>) -> Reply {
        push_to(&self.url, body, &self.token()).await
    }

    /// Pushes a message whose handler ends after `meanwhile`.
    pub(crate) async fn push_held(
        &self,
        message: &TestMessage,
        meanwhile: impl Future<Output = ()>,
    ) -> Reply {
        let story = async {
            self.probe.entered(1).await;
            meanwhile.await;
            self.probe.open();
        };
        tokio::join!(self.push(message), story).0
    }

    /// Pushes a message, and once more after `meanwhile`. The handler ends after `event`. Returns both statuses.
    pub(crate) async fn push_twice(
        &self,
        message: &TestMessage,
        meanwhile: impl Future<Output = ()>,
        event: impl Future<Output = ()>,
    ) -> [u16; 2] {
        let second = async {
            self.probe.entered(1).await;
            meanwhile.await;
            let opened = async {
                event.await;
                self.probe.open();
            };
            tokio::join!(self.push(message), opened).0
        };
        let (first, second) = tokio::join!(self.push(message), second);
        [first.status, second.status]
    }

    /// Returns the status of the readiness check.
    pub(crate) async fn ready(&self) -> u16 {
        get(format!("{}/health/ready", self.url))
            .await
            .expect("an answer")
            .status()
            .as_u16()
    }

    /// Returns the number of runs.
    pub(crate) fn runs(&self) -> usize {
        self.probe.runs()
    }

    /// Returns the address of the metrics.
    pub(crate) fn metrics_address(&self) -> SocketAddr {
        let running = self.running.as_ref().expect("still running");
        running.metrics_address().expect("an address")
    }

    /// Returns the metrics as Prometheus reads them.
    pub(crate) async fn metrics(&self) -> Samples {
        Samples::read(self.metrics_address()).await
    }

    /// Takes the running service out, to be drained beside other calls.
    pub(crate) fn take_running(&mut self) -> Running {
        self.running.take().expect("still running")
    }
}

/// Pushes once, over a new connection.
pub(crate) async fn push_to(url: &str, body: impl Into<reqwest::Body>, token: &str) -> Reply {
    let client = client();
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .bearer_auth(token)
        .body(body);
    reply(request.send().await.expect("an answer")).await
}

pub(crate) async fn reply(response: reqwest::Response) -> Reply {
    let outcome = response.headers().get("pushgate-outcome");
    Reply {
        status: response.status().as_u16(),
        outcome: outcome.map(|kind| kind.to_str().expect("a word").to_owned()),
        body: response.text().await.expect("a body"),
    }
}

/// A client without root certificates, since they take 30 ms to read.
pub(crate) fn client() -> reqwest::Client {
    client_builder().build().expect("a client")
}

pub(crate) fn client_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().tls_certs_only([])
}

pub(crate) async fn get(url: impl reqwest::IntoUrl) -> reqwest::Result<reqwest::Response> {
    client().get(url).send().await
}
