//! A service: its subscribers, states and store. `main.rs` builds one and runs it.

mod error;

use std::collections::HashMap;
use std::error::Error;
use std::panic::{Location, resume_unwind};
use std::sync::Arc;

pub use self::error::StartError;
use crate::config::Config;
use crate::dedup::{DedupStore, ProtectedStore, log_advice};
use crate::delivery::Deliveries;
use crate::delivery::admission::Admission;
use crate::delivery::dead_letter::DeadLetters;
use crate::delivery::pools::Pools;
use crate::delivery::running_subscriber::RunningSubscriber;
use crate::environment::Environment;
use crate::handler::state::{Provider, StateType, States};
use crate::package::Package;
use crate::publisher::DeadLetterClient;
use crate::push::PushReceiver;
use crate::push::authentication::Authentication;
use crate::push::binding::{Bindings, Defaults};
use crate::push::body::Bodies;
use crate::push::log_line::Listener;
use crate::push::operator::Operators;
use crate::push::readiness::Readiness;
use crate::push::reply::Replies;
use crate::server::connections;
use crate::server::{Running, serve};
use crate::shutdown::Shutdown;
use crate::subscriber::{Subscriber, faults, short_leases};
use crate::telemetry::export::{Recorder, Telemetry};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::otlp::ExportError;

/// The subscribers of a service, and the states they share.
#[derive(Default)]
pub struct Service {
    pub(crate) package: Package,
    pub(crate) subscribers: Vec<Subscriber>,
    providers: Vec<Provider>,
    store: Option<Arc<dyn DedupStore>>,
    pub(crate) listener: Option<Listener>,
}

impl Service {
    /// Creates a service without subscribers.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        let mut service = Self::default();
        service.package.main = Some(Location::caller().file());
        service
    }

    /// Names the package of the service: `.package(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))`.
    ///
    /// `--version` and the AsyncAPI document show the version. By its name `generate` and `check` find the package in a workspace of
    /// several services.
    #[must_use]
    pub fn package(mut self, name: &'static str, version: &'static str) -> Self {
        self.package.name = Some(name);
        self.package.version = Some(version);
        self
    }

    /// Adds a subscriber.
    #[must_use]
    pub fn subscriber(mut self, subscriber: Subscriber) -> Self {
        self.subscribers.push(subscriber);
        self
    }

    /// Provides a state that handlers take as `State<S>`. `open` runs once, when the service starts; its error stops the start.
    #[must_use]
    pub fn state<S, F, Fut, E>(mut self, open: F) -> Self
    where
        S: Send + Sync + 'static,
        F: Fn(Environment) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.providers.push(Provider::new(open));
        self
    }

    /// Uses this store instead of the one of `PUSHGATE_STORE`: your own implementation, or a failing one in a test.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn DedupStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Returns the declarations, if they have no fault.
    ///
    /// # Errors
    /// All faults that [`start`](Self::start) reports, except those that depend on settings.
    pub(crate) fn declarations(&self) -> Result<&[Subscriber], StartError> {
        let faults = self.faults();
        if faults.is_empty() {
            return Ok(&self.subscribers);
        }
        Err(StartError::Declarations(faults))
    }

    /// Finds a subscriber for a command.
    pub(crate) fn declared(&self, id: &str) -> Result<&Subscriber, Box<dyn Error>> {
        let declared = self.declarations()?;
        let found = declared.iter().find(|subscriber| subscriber.id == id);
        found.ok_or_else(|| {
            let known: Vec<_> = declared.iter().map(|one| &*one.id).collect();
            let known = known.join(", ");
            format!("{id:?} is not declared in this program, which declares {known}").into()
        })
    }

    /// Returns all faults of the declarations, except those that depend on settings.
    pub(crate) fn faults(&self) -> Vec<String> {
        faults(&self.subscribers, &self.provided())
    }

    fn provided(&self) -> Vec<StateType> {
        let providers = self.providers.iter();
        providers.map(|provider| provider.provides).collect()
    }

    /// Starts receiving pushes, and returns once it listens.
    ///
    /// Within a multi-thread runtime, handlers and the tasks that they spawn run on a separate runtime, so that a blocking handler
    /// delays neither leases nor health checks. Within a current-thread runtime they share it, and its clock.
    ///
    /// # Errors
    /// If declarations or settings are invalid, a state cannot be opened, or the port is not available.
    pub async fn start(self, config: &Config) -> Result<Running, StartError> {
        self.check(config)?;
        let telemetry = self.export(config)?;
        let pools =
            Pools::new(config.concurrency, &self.subscribers).map_err(StartError::Threads)?;
        let shutdown = Shutdown::default();
        let store = match self.store {
            Some(store) => store,
            None => open_store(config)?,
        };
        log_advice(Arc::clone(&store), shutdown.closing.clone());
        let recorder = telemetry.recorder.clone();
        let bindings = bind(self.subscribers, config, &store, &pools, &recorder);
        let authentication = authenticate(config, &recorder.metrics)?;
        let states = open_states(&self.providers, &config.environment, &pools).await?;
        let dead_letters = DeadLetterClient::new(config.pubsub_emulator.clone());
        let (connections, pushes) = connections::limits(config.concurrency);
        let receiver = PushReceiver {
            authentication,
            admission: Admission::new(pushes),
            bodies: limit_bodies(config),
            bindings,
            readiness: Readiness::new(store),
            replies: Replies::new(self.listener, recorder.metrics),
            operators: operators(config),
            spans: recorder.spans,
            deliveries: Deliveries {
                states,
                shutdown,
                pools: Arc::new(pools),
                dead_letters: DeadLetters(Arc::new(dead_letters)),
            },
        };
        listen(config, receiver, telemetry, connections)
    }

    fn export(&self, config: &Config) -> Result<Telemetry, ExportError> {
        let subscriptions = self.subscribers.len();
        Telemetry::start(&config.exporters, &config.environment, subscriptions)
    }

    /// Checks the declarations, and the settings that depend on them.
    fn check(&self, config: &Config) -> Result<(), StartError> {
        let mut faults = self.faults();
        faults.extend(short_leases(&self.subscribers, config.store_timeout));
        if !faults.is_empty() {
            return Err(StartError::Declarations(faults));
        }
        Ok(config.check_paused(&self.subscribers)?)
    }
}

fn open_store(config: &Config) -> Result<Arc<dyn DedupStore>, StartError> {
    let opened = config.store.open(config.store_timeout);
    opened.map_err(StartError::Store)
}

fn authenticate(config: &Config, metrics: &Metrics) -> Result<Authentication, StartError> {
    let authentication = Authentication::new(
        config.authentication,
        &config.issuer,
        config.keys_url.clone(),
        config.token_leeway,
        metrics.clone(),
    );
    authentication.map_err(|error| StartError::Keys(Box::new(error)))
}

fn limit_bodies(config: &Config) -> Bodies {
    Bodies::new(
        config.body_limit_bytes,
        config.body_timeout,
        config.bodies_bytes,
    )
}

fn listen(
    config: &Config,
    receiver: PushReceiver,
    telemetry: Telemetry,
    connections: usize,
) -> Result<Running, StartError> {
    let running = serve(config, receiver, telemetry, connections);
    running.map_err(|error| StartError::Listen {
        address: error.address,
        setting: error.setting,
        source: error.source,
    })
}

/// Returns the operators of the settings, if there are any.
fn operators(config: &Config) -> Option<Operators> {
    (!config.operators.is_empty()).then(|| Operators {
        emails: config.operators.iter().cloned().collect(),
        audiences: config.audiences.iter().cloned().collect(),
    })
}

/// Binds the subscribers to their declared callers, or else to those of the settings.
fn bind(
    subscribers: Vec<Subscriber>,
    config: &Config,
    store: &Arc<dyn DedupStore>,
    pools: &Pools,
    recorder: &Recorder,
) -> Bindings {
    let store = ProtectedStore::new(Arc::clone(store), recorder.clone());
    let (project, paused) = (&config.project, &config.paused);
    let running = subscribers.into_iter().map(|declared| {
        let is_paused = paused.contains(&declared.id);
        RunningSubscriber::new(declared, is_paused, project, &store, pools, recorder)
    });
    let defaults = Defaults {
        callers: &config.callers,
        audiences: &config.audiences,
        service: config.cloud_run_service(),
    };
    Bindings::new(running, &config.project, &defaults)
}

async fn open_states(
    providers: &[Provider],
    environment: &Environment,
    pools: &Pools,
) -> Result<States, StartError> {
    let mut states = HashMap::new();
    for provider in providers {
        let name = provider.provides.name;
        let opening = provider.open(environment.clone());
        let opened = match pools.executor.handle.spawn(opening).await {
            Ok(opened) => opened,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(cancelled) => Err(cancelled.into()),
            },
        };
        let state = opened.map_err(|source| StartError::State { name, source })?;
        states.insert(provider.provides.id, state);
    }
    Ok(States(Arc::new(states)))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn handle(_: crate::Message<crate::Raw>) {}

    fn faults(service: &Service) -> Vec<String> {
        match service.declarations() {
            Ok(_) => Vec::new(),
            Err(StartError::Declarations(faults)) => faults,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn declarations_are_checked_without_settings() {
        let none = faults(&Service::new());
        assert_eq!(
            none,
            ["no subscriber is declared: add one to the list in main.rs"]
        );
        let unexplained = Service::new().subscriber(Subscriber::new("orders-mail", handle));
        let found = faults(&unexplained).join("\n");
        assert!(found.contains("has no purpose"), "{found}");
        assert!(found.contains("has no idempotency"), "{found}");
    }
}
