//! The topics of `PUBSUB_PROJECT1`, `PUBSUB_PROJECT2` and so on, as the images of messagebird and TheKevJames read them.

use std::io::{Error, Result as IoResult};

use emulator::{ApiError, Emulator};
use tokio::net::TcpListener;

/// The form of a value.
const FORM: &str = "PROJECT,TOPIC:SUBSCRIPTION:SUBSCRIPTION,TOPIC";

/// The topics of one variable, with their subscriptions.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Project {
    id: String,
    topics: Vec<(String, Vec<String>)>,
}

#[derive(Debug, thiserror::Error)]
#[error("{variable} is not of the form {FORM}: an id is empty or missing")]
pub(crate) struct InvalidProject {
    variable: String,
}

/// Reads the variables up to the first one that is not set.
///
/// # Errors
/// If a value has an empty id.
pub(crate) fn projects(
    value_of: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Project>, InvalidProject> {
    let names = (1..).map(|number: u32| format!("PUBSUB_PROJECT{number}"));
    let values = names.map_while(|name| {
        let value = value_of(&name).filter(|value| !value.is_empty())?;
        Some((name, value))
    });
    values
        .map(|(variable, value)| project(&value).ok_or(InvalidProject { variable }))
        .collect()
}

fn project(value: &str) -> Option<Project> {
    let mut parts = value.split(',').map(str::trim);
    let id = parts.next().filter(|id| !id.is_empty())?.to_owned();
    let topic = |part: &str| {
        let mut ids = part.split(':').map(str::to_owned);
        let topic = ids.next()?;
        let subscriptions: Vec<String> = ids.collect();
        let is_named = !topic.is_empty() && subscriptions.iter().all(|id| !id.is_empty());
        is_named.then_some((topic, subscriptions))
    };
    let topics = parts.map(topic).collect::<Option<_>>()?;
    Some(Project { id, topics })
}

impl Project {
    /// Creates the topics and subscriptions that do not exist, for pull.
    ///
    /// # Errors
    /// If a name is invalid.
    pub(crate) fn create(&self, emulator: &Emulator) -> Result<(), ApiError> {
        for (topic, subscriptions) in &self.topics {
            let name = format!("projects/{}/topics/{topic}", self.id);
            match emulator.create_topic(&name) {
                Ok(_) | Err(ApiError::AlreadyExists(_)) => {}
                Err(error) => return Err(error),
            }
            let topic = emulator.topic(&name)?;
            for subscription in subscriptions {
                match topic.subscribe(subscription) {
                    Ok(_) | Err(ApiError::AlreadyExists(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// Opens the port after that of the emulator, by which tools recognize that the topics exist. It answers nothing.
///
/// # Errors
/// If the port is taken.
pub(crate) async fn open_next_port(emulator: &Emulator) -> IoResult<()> {
    let mut address = emulator.address();
    address.set_port(address.port().saturating_add(1));
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let why = "PUBSUB_PROJECT1 opens the port after that of --host-port";
        Error::new(error.kind(), format!("{why}, {address}: {error}"))
    })?;
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    Ok(())
}
