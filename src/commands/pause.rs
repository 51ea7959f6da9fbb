//! `pushgate pause` and `pushgate resume`: stop the pushes of a subscription, and begin them again.
//!
//! 1. A pause empties the push configuration, so that the subscription keeps its messages and no attempt is used up (Google, *Push
//!    subscriptions*).
//! 2. The same call keeps the configuration in labels of the subscription, where everybody sees it and any machine can resume.
//! 3. A resume sets the configuration again and removes the labels, in one call, too.

use std::collections::BTreeMap;
use std::error::Error;

use serde_json::Value;

use super::google::{Google, GoogleError, PAUSED_LABEL as LABEL, Subscription};
use super::process::print;
use crate::config::metadata::project_id;
use crate::environment::Environment;
use crate::package::invocation;
use crate::service::Service;

/// The end of `--help` of both.
pub(super) const HELP: &str = "\
A pause makes the subscription a pull subscription, and keeps its push configuration in labels of the subscription. Messages
wait, and no delivery attempt is used up. It takes effect within minutes. The next apply of Terraform ends a pause, too.

Google's application default credentials are used, or pushgate's emulator at PUBSUB_EMULATOR_HOST; Google's emulator cannot change
labels. They need roles/pubsub.editor on the subscription, and to resume it roles/iam.serviceAccountUser on its push account.

Without them, the setting PUSHGATE_PAUSED of the service is the fallback: it answers 503 to the pushes of the subscriptions that it
names. Each such push uses up a delivery attempt, and after the last one Pub/Sub dead-letters the message.";

/// The bytes in a label, as hexadecimal digits. A value has 63 characters at most, of lower-case letters, digits, - and _
/// (Google, *Labels*).
const LABEL_BYTES: usize = 31;
/// The most labels for a configuration. A resource may have 64 (Google, *Labels*).
const LABELS: usize = 48;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Id of a declared subscription; without one, the paused subscriptions are listed
    subscription: Option<String>,
    /// Project of the subscription; by default GOOGLE_CLOUD_PROJECT, or the metadata server's project
    #[arg(long, value_parser = project_id)]
    project: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum PauseError {
    #[error("{0} is paused already")]
    Paused(String),
    #[error("{0} is a pull subscription: there are no pushes to pause")]
    Pull(String),
    #[error("{0} is not paused")]
    NotPaused(String),
    #[error(
        "the push configuration of {0} is too long for labels: keep it, and use modifyPushConfig"
    )]
    TooLong(String),
    #[error(
        "the labels {LABEL}… of {0} are not a push configuration: set it by Terraform, and remove them"
    )]
    Labels(String),
    #[error(
        "the emulator cannot change the labels of {0}, which would keep its push configuration: pushgate's emulator can, Google's cannot"
    )]
    Emulator(String, #[source] GoogleError),
}

pub(super) async fn pause(
    service: &Service,
    arguments: &Arguments,
    environment: &Environment,
) -> Result<(), Box<dyn Error>> {
    let Some((google, id, name)) = find(service, arguments, environment).await? else {
        return Ok(());
    };
    let found = google.subscription(&name).await?;
    let labels = paused(&name, &found)?;
    let configured = google.configure(&name, &labels, &Value::Null).await;
    configured.map_err(|error| match google.is_emulator() && error.is_invalid() {
        true => PauseError::Emulator(name, error).into(),
        false => Box::<dyn Error>::from(error),
    })?;
    let kept = found.message_retention_duration;
    Ok(print(&format!(
        "{id} is paused: its messages wait, and those that are older than {kept} are dropped. {} resume {id} continues it.\n",
        invocation()
    ))?)
}

pub(super) async fn resume(
    service: &Service,
    arguments: &Arguments,
    environment: &Environment,
) -> Result<(), Box<dyn Error>> {
    let Some((google, id, name)) = find(service, arguments, environment).await? else {
        return Ok(());
    };
    let mut found = google.subscription(&name).await?;
    let kept = kept(&name, &found.labels)?.ok_or_else(|| PauseError::NotPaused(name.clone()))?;
    found.labels.retain(|label, _| !label.starts_with(LABEL));
    // A push configuration that was set meanwhile is newer than the kept one.
    let push_config = match found.is_push() {
        true => found.push_config,
        false => kept,
    };
    google.configure(&name, &found.labels, &push_config).await?;
    Ok(print(&format!("{id} is resumed.\n"))?)
}

/// Finds the subscription, its id and its full name. Without one, the paused subscriptions are listed.
async fn find<'a>(
    service: &Service,
    arguments: &'a Arguments,
    environment: &Environment,
) -> Result<Option<(Google, &'a str, String)>, Box<dyn Error>> {
    let google = Google::open(environment, arguments.project.as_deref()).await?;
    let Some(id) = &arguments.subscription else {
        list(service, &google).await?;
        return Ok(None);
    };
    let name = google.subscription_name(&service.declared(id)?.id);
    Ok(Some((google, id, name)))
}

/// Prints the declared subscriptions that are paused.
async fn list(service: &Service, google: &Google) -> Result<(), Box<dyn Error>> {
    let ids = service.declarations()?.iter().map(|one| one.id.as_str());
    let paused = paused_of(google, ids).await?;
    Ok(print(&match paused.is_empty() {
        true => "none is paused\n".to_owned(),
        false => paused.iter().map(|id| format!("{id}\n")).collect(),
    })?)
}

/// Returns the ids of the paused ones of these subscriptions.
pub(super) async fn paused_of<'a>(
    google: &Google,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<&'a str>, GoogleError> {
    let mut paused = Vec::new();
    for id in ids {
        match google.subscription(&google.subscription_name(id)).await {
            Ok(found) if found.is_paused() => paused.push(id),
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(paused)
}

/// Returns the labels of the subscription once it is paused.
fn paused(name: &str, found: &Subscription) -> Result<BTreeMap<String, String>, PauseError> {
    let mut labels = found.labels.clone();
    if !found.is_push() {
        return Err(match kept(name, &labels)? {
            Some(_) => PauseError::Paused(name.to_owned()),
            None => PauseError::Pull(name.to_owned()),
        });
    }
    labels.retain(|label, _| !label.starts_with(LABEL));
    let text = found.push_config.to_string();
    let parts = text.as_bytes().chunks(LABEL_BYTES);
    if parts.len() > LABELS {
        return Err(PauseError::TooLong(name.to_owned()));
    }
    labels.extend(parts.enumerate().map(|(index, part)| {
        let label = format!("{LABEL}{index:02}");
        (label, hex::encode(part))
    }));
    Ok(labels)
}

/// Returns the push configuration that is kept in labels, if there is one.
pub(super) fn kept(
    name: &str,
    labels: &BTreeMap<String, String>,
) -> Result<Option<Value>, PauseError> {
    let parts = labels.iter().filter(|(label, _)| label.starts_with(LABEL));
    let digits: String = parts.map(|(_, part)| part.as_str()).collect();
    if digits.is_empty() {
        return Ok(None);
    }
    let invalid = || PauseError::Labels(name.to_owned());
    let text = hex::decode(digits).map_err(|_| invalid())?;
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|_| invalid())
}

impl Google {
    /// Sets the labels and the push configuration of a subscription in one step.
    async fn configure(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        push_config: &Value,
    ) -> Result<(), GoogleError> {
        let push_config = match push_config {
            Value::Null => serde_json::json!({}),
            config => config.clone(),
        };
        let body = serde_json::json!({
            "subscription": {"name": name, "labels": labels, "pushConfig": push_config},
            "updateMask": "labels,pushConfig",
        });
        self.patch(name, body).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_push_configuration_is_kept_in_valid_labels() {
        let push_config = json!({
            "pushEndpoint": "https://shop-2ab3cdef4g-ew.a.run.app/push/orders-fulfilment",
            "oidcToken": {"serviceAccountEmail": "push@shop.iam.gserviceaccount.com", "audience": "https://shop.example"},
            "noWrapper": {"writeMetadata": true},
        });
        let found = Subscription {
            push_config: push_config.clone(),
            labels: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
            ..Subscription::default()
        };
        let labels = paused("s", &found).expect("it fits");
        assert_eq!(labels["team"], "shop");
        assert!(labels.len() <= 64);
        let is_valid = |text: &str| {
            let allowed =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            text.len() <= 63 && text.bytes().all(allowed)
        };
        for (label, value) in &labels {
            assert!(is_valid(label) && is_valid(value), "{label}: {value}");
        }
        assert_eq!(kept("s", &labels).expect("valid"), Some(push_config));
    }

    #[test]
    fn labels_of_somebody_else_are_an_error() {
        let labels = BTreeMap::from([("pushgate-paused-00".to_owned(), "yes".to_owned())]);
        assert!(matches!(kept("s", &labels), Err(PauseError::Labels(_))));
    }

    #[test]
    fn a_longer_configuration_is_refused() {
        let found = Subscription {
            push_config: json!({"pushEndpoint": format!("https://{}", "a".repeat(2_000))}),
            ..Subscription::default()
        };
        assert!(matches!(paused("s", &found), Err(PauseError::TooLong(_))));
    }
}
