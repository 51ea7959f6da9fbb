//! A service made of its subscribers and what they share; `main.rs` builds one and runs it.

use std::collections::HashMap;
use std::error::Error;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::config::{Config, StoreSetting};
#[cfg(feature = "firestore")]
use crate::dedup::FirestoreStore;
#[cfg(feature = "redis")]
use crate::dedup::RedisStore;
use crate::dedup::{DedupStore, MemoryStore, ProtectedStore, StoreError, log_advice};
use crate::delivery::Deliveries;
use crate::delivery::admission::Admission;
use crate::delivery::dead_letter::DeadLetters;
use crate::delivery::drain::Drain;
use crate::delivery::pools::Pools;
use crate::delivery::registered::Registered;
use crate::environment::Environment;
use crate::handler::state::{Provider, StateType, States};
use crate::publisher::DeadLetterClient;
use crate::push::Gate;
use crate::push::authentication::Authentication;
use crate::push::binding::{Bindings, Defaults};
use crate::push::body::Bodies;
use crate::push::readiness::Readiness;
use crate::push::report::Listener;
use crate::server::connections;
use crate::server::{Running, serve};
use crate::subscriber::{Subscriber, faults, short_leases};

/// The subscribers of a service, and the states they share.
#[derive(Default)]
pub struct Service {
    pub(crate) subscribers: Vec<Subscriber>,
    providers: Vec<Provider>,
    store: Option<Arc<dyn DedupStore>>,
    pub(crate) listener: Option<Listener>,
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The declarations contradict themselves or each other.
    #[error("the declarations cannot be used:\n{}", .0.iter().map(|fault| format!("  {fault}")).collect::<Vec<_>>().join("\n"))]
    Declarations(Vec<String>),
    /// A state could not be made.
    #[error("cannot make the state {name}")]
    State {
        /// Its type.
        name: &'static str,
        /// What its maker said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store's address cannot be used.
    #[error("cannot use the store of PUSHGATE_STORE")]
    Store(#[source] StoreError),
    /// No HTTP client for the issuer's keys.
    #[error("cannot prepare to fetch the issuer's keys")]
    Keys(#[source] Box<dyn Error + Send + Sync>),
    /// The threads that run handlers cannot be started.
    #[error("cannot start the threads of the handlers")]
    Threads(#[source] std::io::Error),
    /// The port is taken, or not allowed.
    #[error("cannot listen on {address}: check PORT")]
    Listen {
        /// Where it should listen.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Service {
    /// A service without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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

    /// Uses this store instead of the one of `PUSHGATE_STORE`: one of your own, or a failing one in a test.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn DedupStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// The declarations, if they can be used.
    ///
    /// # Errors
    /// All that is wrong with them, as [`start`](Self::start) says it, but for what depends on settings.
    pub(crate) fn declarations(&self) -> Result<&[Subscriber], StartError> {
        let faults = self.faults();
        if faults.is_empty() {
            return Ok(&self.subscribers);
        }
        Err(StartError::Declarations(faults))
    }

    /// All that is wrong with the declarations, but for what depends on settings.
    pub(crate) fn faults(&self) -> Vec<String> {
        faults(&self.subscribers, &self.provided())
    }

    fn provided(&self) -> Vec<StateType> {
        let providers = self.providers.iter();
        providers.map(|provider| provider.provides).collect()
    }

    /// Starts receiving pushes, and returns once it listens.
    ///
    /// Within a multi-thread runtime, handlers and the tasks that they spawn get a runtime of their own, so that one that
    /// blocks stops neither leases nor health checks. Within a current-thread runtime they share it, and its clock.
    ///
    /// # Errors
    /// When declarations or settings cannot be used, a state cannot be made, or the port cannot be had.
    pub async fn start(self, config: &Config) -> Result<Running, StartError> {
        let mut faults = self.faults();
        faults.extend(short_leases(&self.subscribers, config.store_timeout));
        if !faults.is_empty() {
            return Err(StartError::Declarations(faults));
        }
        let pools =
            Pools::new(config.concurrency, &self.subscribers).map_err(StartError::Threads)?;
        let store = self
            .store
            .map_or_else(|| open_store(config).map_err(StartError::Store), Ok)?;
        let drain = Drain::default();
        log_advice(Arc::clone(&store), drain.closing.clone());
        let protected = ProtectedStore::new(Arc::clone(&store));
        let bindings = bind(self.subscribers, config, &protected, &pools);
        let authentication = Authentication::new(
            config.authentication,
            &config.issuer,
            config.keys_url.clone(),
            config.token_leeway,
        )
        .map_err(|error| StartError::Keys(Box::new(error)))?;
        let states = open_states(&self.providers, &config.environment, &pools).await?;
        let dead_letters = DeadLetterClient::new(config.pubsub_emulator.clone());
        let (connections, pushes) = connections::limits(config.concurrency);
        let gate = Gate {
            authentication,
            admission: Admission::new(pushes),
            bodies: Bodies::new(
                config.body_limit_bytes,
                config.body_timeout,
                config.bodies_bytes,
            ),
            bindings,
            store,
            was_ready: AtomicBool::new(true),
            readiness: Readiness::default(),
            deliveries: Deliveries {
                states,
                drain,
                pools: Arc::new(pools),
                dead_letters: DeadLetters(Arc::new(dead_letters)),
            },
        };
        let running = serve(config, gate, connections, self.listener).await;
        running.map_err(|source| StartError::Listen {
            address: config.listen,
            source,
        })
    }
}

/// Binds the subscribers to their callers: those that they declare, or else those of the settings.
fn bind(
    subscribers: Vec<Subscriber>,
    config: &Config,
    store: &ProtectedStore,
    pools: &Pools,
) -> Bindings {
    let registered = subscribers
        .into_iter()
        .map(|declared| Registered::new(declared, &config.project, store, pools));
    let defaults = Defaults {
        callers: &config.callers,
        audiences: &config.audiences,
        service: config.cloud_run_service(),
    };
    Bindings::new(registered, &config.project, &defaults)
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

fn open_store(config: &Config) -> Result<Arc<dyn DedupStore>, StoreError> {
    match &config.store {
        StoreSetting::Memory => Ok(Arc::new(MemoryStore::default())),
        #[cfg(feature = "firestore")]
        StoreSetting::Firestore { database, emulator } => Ok(Arc::new(FirestoreStore::new(
            database,
            emulator.as_deref(),
            config.store_timeout,
        )?)),
        #[cfg(feature = "redis")]
        StoreSetting::Redis(address) => {
            Ok(Arc::new(RedisStore::new(address, config.store_timeout)?))
        }
    }
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
    fn declarations_to_describe_are_checked_as_those_to_serve() {
        let none = faults(&Service::new());
        assert_eq!(
            none,
            ["no subscriber is declared: add one to the list in main.rs"]
        );
        let unexplained = Service::new().subscriber(Subscriber::new("orders-mail", handle));
        let found = faults(&unexplained).join("\n");
        assert!(found.contains("says no purpose"), "{found}");
        assert!(found.contains("says nothing about duplicates"), "{found}");
    }
}
