//! A service: its subscribers, states and store. `main.rs` builds one and runs it.

mod assembly;
mod error;

use std::error::Error;
use std::panic::Location;
use std::sync::Arc;

use self::assembly::Assembled;
pub use self::error::StartError;
use crate::config::Config;
use crate::dedup::DedupStore;
use crate::environment::Environment;
use crate::handler::state::{Provider, StateType};
use crate::package::Package;
use crate::publisher::DeadLetterClient;
use crate::push::PushReceiver;
use crate::push::log_line::Listener;
use crate::server::{Running, serve};
use crate::subscriber::{Subscriber, faults, short_leases};
use crate::telemetry::export::Telemetry;
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
        self.package.version = Some(version.into());
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
        let dead_letters = DeadLetterClient::new(config.pubsub_emulator.clone());
        let Assembled {
            receiver,
            telemetry,
            connections,
        } = self.assemble(config, None, Arc::new(dead_letters)).await?;
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
