//! What handlers share, such as a database pool: made once at start, taken as an argument by its type.

use std::any::{Any, TypeId, type_name};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use futures_util::future::BoxFuture;

/// A value that `main.rs` provided with `Service::state`; cloning shares it.
#[derive(Debug)]
pub struct State<S>(
    /// The shared value.
    pub Arc<S>,
);

impl<S> State<S> {
    /// Wraps a value, as a test of a handler needs it.
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

/// The environment variables of the process, for the application's own settings.
#[derive(Clone, Default)]
pub struct Environment(pub(crate) Arc<BTreeMap<String, String>>);

impl Environment {
    /// Those of this process, for a program of your own; `pushgate serve` gives them to each state by itself.
    // The one place that reads them.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of a variable; an empty one counts as unset.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(Arc::new(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        ))
    }
}

/// The type of a state a handler asks for.
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

/// How a state is made. It runs when the service starts, so that commands which only read declarations need no database.
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
