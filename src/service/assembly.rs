//! Puts the parts of a service together.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Service, StartError};
use crate::config::Config;
use crate::dedup::{DedupStore, ProtectedStore, log_advice};
use crate::delivery::Deliveries;
use crate::delivery::admission::Admission;
use crate::delivery::dead_letter::{DeadLetterPublisher, DeadLetters};
use crate::delivery::pools::Pools;
use crate::delivery::running_subscriber::RunningSubscriber;
use crate::environment::Environment;
use crate::handler::state::{Provider, States};
use crate::push::PushReceiver;
use crate::push::authentication::Authentication;
use crate::push::binding::{Bindings, Defaults};
use crate::push::body::Bodies;
use crate::push::operator::Operators;
use crate::push::readiness::Readiness;
use crate::push::reply::Replies;
use crate::server::connections;
use crate::shutdown::Shutdown;
use crate::subscriber::Subscriber;
use crate::telemetry::export::{Recorder, Telemetry};
use crate::telemetry::metrics::Metrics;

/// The parts of a service that does not listen yet.
pub(crate) struct Assembled {
    pub(crate) receiver: PushReceiver,
    pub(super) telemetry: Telemetry,
    pub(super) connections: usize,
}

impl Service {
    /// Puts the parts together, with states that are open already, or else opens them.
    pub(crate) async fn assemble(
        self,
        config: &Config,
        states: Option<States>,
        dead_letters: Arc<dyn DeadLetterPublisher>,
    ) -> Result<Assembled, StartError> {
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
        let states = match states {
            Some(states) => states,
            None => {
                let handlers = &pools.executor.handle;
                open_states(&self.providers, &config.environment, handlers).await?
            }
        };
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
                dead_letters: DeadLetters(dead_letters),
            },
        };
        Ok(Assembled {
            receiver,
            telemetry,
            connections,
        })
    }

    /// Checks the service, and takes its subscribers, opened states and store apart, for a service in memory.
    #[cfg(feature = "testing")]
    pub(crate) async fn into_parts(
        self,
        config: &Config,
    ) -> Result<(Vec<Subscriber>, States, Option<Arc<dyn DedupStore>>), StartError> {
        self.check(config)?;
        let handlers = Handle::current();
        let states = open_states(&self.providers, &config.environment, &handlers).await?;
        Ok((self.subscribers, states, self.store))
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

/// Opens the states, on the runtime of the handlers.
async fn open_states(
    providers: &[Provider],
    environment: &Environment,
    handlers: &Handle,
) -> Result<States, StartError> {
    let mut states = HashMap::new();
    for provider in providers {
        let name = provider.provides.name;
        let opening = provider.open(environment.clone());
        let opened = match handlers.spawn(opening).await {
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
