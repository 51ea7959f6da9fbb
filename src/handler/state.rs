//! States that handlers share, such as a database pool: opened once at start, and taken as an argument by type.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::error::Error;
use std::ops::Deref;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::environment::Environment;

/// A value that `main.rs` provides with `Service::state`; a clone shares it.
#[derive(Debug)]
pub struct State<S>(
    /// The shared value.
    pub Arc<S>,
);

impl<S> State<S> {
    /// Wraps a value, for the test of a handler.
    pub fn new(value: S) -> Self {
        Self(Arc::new(value))
    }
}

impl<S> Clone for State<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Deref for State<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

/// The type of a state that a handler takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateType {
    pub(crate) id: TypeId,
    pub(crate) name: &'static str,
}

impl StateType {
    pub(crate) fn of<S: 'static>() -> Self {
        Self {
            id: TypeId::of::<S>(),
            name: type_name::<S>(),
        }
    }
}

type Shared = Arc<dyn Any + Send + Sync>;
type Opened = Result<Shared, Box<dyn Error + Send + Sync>>;

/// The function that opens a state. It runs when the service starts, so that commands which only read declarations need no database.
pub(crate) struct Provider {
    pub(crate) provides: StateType,
    open: Box<dyn Fn(Environment) -> BoxFuture<'static, Opened> + Send + Sync>,
}

impl Provider {
    pub(crate) fn new<S, F, Fut, E>(open: F) -> Self
    where
        S: Send + Sync + 'static,
        F: Fn(Environment) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let open = move |environment| -> BoxFuture<'static, Opened> {
            let opening = open(environment);
            Box::pin(async move {
                opening
                    .await
                    .map(|state| Arc::new(state) as Shared)
                    .map_err(Into::into)
            })
        };
        Self {
            provides: StateType::of::<S>(),
            open: Box::new(open),
        }
    }

    pub(crate) fn open(&self, environment: Environment) -> BoxFuture<'static, Opened> {
        (self.open)(environment)
    }
}

/// All states of a running service, by type.
#[derive(Clone, Default)]
pub(crate) struct States(pub(crate) Arc<HashMap<TypeId, Shared>>);

impl States {
    pub(crate) fn get<S: Send + Sync + 'static>(&self) -> Option<State<S>> {
        let shared = Arc::clone(self.0.get(&TypeId::of::<S>())?);
        shared.downcast::<S>().ok().map(State)
    }
}
