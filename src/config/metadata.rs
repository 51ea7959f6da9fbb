//! What the platform knows of this service: the project, from Google's metadata server.

use std::time::Duration;

use crate::environment::{Environment, is_project_id};

const PROJECT: &str = "GOOGLE_CLOUD_PROJECT";

/// Reads a project's id from the command line.
pub(crate) fn project_id(text: &str) -> Result<String, String> {
    match is_project_id(text) {
        true => Ok(text.to_owned()),
        false => Err("expected a project's id: letters, digits, -, _, : or .".into()),
    }
}

/// Fills in the project, where the environment does not name it and a metadata server does (Google, *Container runtime
/// contract*: `project/project-id`, header `Metadata-Flavor`; `GCE_METADATA_HOST` moves the server).
pub(crate) async fn complete(environment: Environment) -> Environment {
    if environment.get(PROJECT).is_some() {
        return environment;
    }
    let host = environment
        .get("GCE_METADATA_HOST")
        .unwrap_or("metadata.google.internal");
    match project(host).await {
        Ok(project) => {
            let mut variables = environment.0.as_ref().clone();
            variables.insert(PROJECT.into(), project);
            Environment(variables.into())
        }
        Err(error) => {
            tracing::warn!(
                error = crate::loggable::chain(&error),
                "{PROJECT} is not set, and the metadata server does not tell"
            );
            environment
        }
    }
}

async fn project(host: &str) -> Result<String, reqwest::Error> {
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
