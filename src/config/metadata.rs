//! The project, from Google's metadata server.

use std::time::Duration;

use super::settings::{PROJECT, PUBSUB_EMULATOR};
use crate::environment::{Environment, is_project_id};

/// Parses a project id from the command line.
pub(crate) fn project_id(text: &str) -> Result<String, String> {
    match is_project_id(text) {
        true => Ok(text.to_owned()),
        false => Err("expected a project id: letters, digits, -, _, : or .".into()),
    }
}

/// Adds the project from the metadata server, if the environment does not have it (Google, *Container runtime contract*:
/// `project/project-id`, header `Metadata-Flavor`; `GCE_METADATA_HOST` replaces the server).
pub(crate) async fn complete(environment: Environment) -> Environment {
    if environment.get(PROJECT.name).is_some() || environment.is_not_utf8(PROJECT.name) {
        return environment;
    }
    let host = environment
        .get("GCE_METADATA_HOST")
        .unwrap_or("metadata.google.internal");
    match fetch_project(host).await {
        Ok(project) => environment.with([(PROJECT.name, project)]),
        Err(error) => {
            tracing::warn!(
                error = crate::loggable::chain(&error),
                "{} is not set, and the metadata server does not answer",
                PROJECT.name
            );
            environment
        }
    }
}

/// Returns the project of a publisher. Beside an emulator there is no metadata server, and the search for it takes seconds.
pub(crate) async fn project(environment: Environment) -> Option<String> {
    let environment = match environment.get(PUBSUB_EMULATOR.name) {
        Some(_) => environment,
        None => complete(environment).await,
    };
    environment.get(PROJECT.name).map(str::to_owned)
}

async fn fetch_project(host: &str) -> Result<String, reqwest::Error> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(2))
        .build()?;
    let request = client
        .get(format!(
            "http://{host}/computeMetadata/v1/project/project-id"
        ))
        .header("Metadata-Flavor", "Google");
    Ok(request
        .send()
        .await?
        .error_for_status()?
        .text()
        .await?
        .trim()
        .to_owned())
}
