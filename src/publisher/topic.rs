//! Names of topics.

use super::PublishError;
use crate::config::metadata;
use crate::environment::Environment;
use crate::environment::is_project_id;

/// Returns the full name of a topic, by its short or its full name. The project is `GOOGLE_CLOUD_PROJECT`, or the metadata
/// server's.
pub(crate) async fn full_name(
    topic: &str,
    environment: Environment,
) -> Result<String, PublishError> {
    if topic.contains('/') {
        return match short_name(topic) {
            Some(_) => Ok(topic.to_owned()),
            None => Err(PublishError::TopicName(topic.to_owned())),
        };
    }
    if topic.is_empty() {
        return Err(PublishError::TopicName(topic.to_owned()));
    }
    let project = metadata::project(environment)
        .await
        .ok_or_else(|| PublishError::NoProject(topic.to_owned()))?;
    let full = format!("projects/{project}/topics/{topic}");
    match short_name(&full) {
        Some(_) => Ok(full),
        None => Err(PublishError::TopicName(full)),
    }
}

/// Returns the last part of a full name.
pub(crate) fn short_name(full: &str) -> Option<&str> {
    match full.split('/').collect::<Vec<_>>()[..] {
        ["projects", project, "topics", topic] if is_project_id(project) && !topic.is_empty() => {
            Some(topic)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: [(&str, &str); 1] = [("GOOGLE_CLOUD_PROJECT", "shop")];

    async fn check(topic: &str, variables: &[(&str, &str)], expected: Result<&str, &str>) {
        let environment = variables
            .iter()
            .copied()
            .chain([("GCE_METADATA_HOST", "127.0.0.1:1")])
            .collect();
        let found = full_name(topic, environment).await;
        match expected {
            Ok(name) => assert_eq!(found.expect("a name"), name),
            Err(part) => {
                let error = found.expect_err(topic).to_string();
                assert!(error.contains(part), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn a_short_name_is_of_the_configured_project() {
        check("orders", &PROJECT, Ok("projects/shop/topics/orders")).await;
    }

    #[tokio::test]
    async fn a_full_name_needs_no_project() {
        let full = "projects/mall/topics/orders";
        check(full, &[], Ok(full)).await;
    }

    #[tokio::test]
    async fn a_short_name_needs_a_project() {
        check("orders", &[], Err("set GOOGLE_CLOUD_PROJECT")).await;
        let emulator = [("PUBSUB_EMULATOR_HOST", "localhost:8085")];
        check("orders", &emulator, Err("set GOOGLE_CLOUD_PROJECT")).await;
    }

    #[tokio::test]
    async fn a_malformed_name_is_refused() {
        for wrong in [
            "",
            "mall/orders",
            "projects//topics/orders",
            "projects/mall/topics/",
            "projects/mall/subscriptions/orders",
        ] {
            check(
                wrong,
                &PROJECT,
                Err("expected TOPIC or projects/PROJECT/topics/TOPIC"),
            )
            .await;
        }
    }
}
