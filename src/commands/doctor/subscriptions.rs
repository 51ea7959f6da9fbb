//! The subscriptions that the service knows, and those that are paused.

use std::error::Error;

use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;

use super::{Finding, TIMEOUT, Verdict};
use crate::commands::google::Google;
use crate::commands::pause::paused_of;
use crate::commands::process::status_request;
use crate::environment::Environment;
use crate::loggable::whole_chain;
use crate::package::invocation;

/// The part of the status that is compared.
#[derive(Deserialize)]
struct Status {
    project: String,
    subscriptions: Vec<Subscription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    id: String,
    /// Absent in the status of an older service.
    #[serde(default)]
    is_paused: bool,
}

/// Compares the subscriptions at the address of the status with these, and finds the paused ones.
pub(super) async fn examine_subscriptions(
    client: &Client,
    url: Option<&Url>,
    declared: &[&str],
    environment: &Environment,
) -> Result<[Finding; 2], Box<dyn Error>> {
    let Some(url) = url else {
        let text =
            "name the address of the metrics with --status to compare them with the declarations";
        let subscriptions = Finding::new("subscriptions", Verdict::Unknown, text);
        return Ok([subscriptions, pauses(None, declared, environment).await]);
    };
    let request = status_request(client, url.join("status")?, environment);
    let status = read(request).await;
    let subscriptions = match &status {
        Ok(status) => compare(status, declared),
        Err(error) => {
            let text = format!("cannot read the status at {url}: {}", whole_chain(&**error));
            Finding::new("subscriptions", Verdict::Wrong, text)
        }
    };
    let pauses = pauses(status.as_ref().ok(), declared, environment).await;
    Ok([subscriptions, pauses])
}

async fn read(request: RequestBuilder) -> Result<Status, Box<dyn Error>> {
    Ok(request.send().await?.error_for_status()?.json().await?)
}

/// Compares the subscriptions of the running service with those that this program declares.
fn compare(status: &Status, declared: &[&str]) -> Finding {
    let running: Vec<_> = status.subscriptions.iter().map(|one| &*one.id).collect();
    let lacks: Vec<_> = declared
        .iter()
        .filter(|id| !running.contains(id))
        .copied()
        .collect();
    let knows = running.join(", ");
    match lacks.is_empty() {
        true => Finding::new("subscriptions", Verdict::Ok, format!("it knows {knows}")),
        false => Finding::new(
            "subscriptions",
            Verdict::Wrong,
            format!(
                "it knows {knows}, and not {}, which this program declares: is an older revision deployed?",
                lacks.join(", ")
            ),
        ),
    }
}

/// Finds the subscriptions that are paused, by the service's setting or at Google.
async fn pauses(status: Option<&Status>, declared: &[&str], environment: &Environment) -> Finding {
    let by_setting = status.into_iter().flat_map(|status| &status.subscriptions);
    let by_setting = by_setting.filter(|one| one.is_paused).map(|one| {
        format!(
            "{} is paused by PUSHGATE_PAUSED, and each of its pushes uses up a delivery attempt",
            one.id
        )
    });
    let mut texts: Vec<_> = by_setting.collect();
    let project = status.map(|status| status.project.as_str());
    let at_google = paused_at_google(project, declared, environment).await;
    if let Ok(paused) = &at_google {
        let text = |id: &&str| format!("{id} is paused: {} resume {id} continues it", invocation());
        texts.extend(paused.iter().map(text));
    }
    let verdict = match (texts.is_empty(), &at_google) {
        (false, _) => Verdict::Note,
        (true, Ok(_)) => Verdict::Ok,
        (true, Err(_)) => Verdict::Unknown,
    };
    match at_google {
        Ok(_) if texts.is_empty() => texts.push("no subscription is paused".to_owned()),
        Ok(_) => {}
        Err(error) => {
            let error = whole_chain(&*error);
            let pause = invocation();
            texts.push(format!("pauses by {pause} pause cannot be read: {error}"));
        }
    }
    Finding::new("pauses", verdict, texts.join("; "))
}

/// Returns the subscriptions that `pushgate pause` stopped. The project is the running service's, or the environment's.
async fn paused_at_google<'a>(
    project: Option<&str>,
    declared: &[&'a str],
    environment: &Environment,
) -> Result<Vec<&'a str>, Box<dyn Error>> {
    let read = async {
        let google = Google::open(environment, project).await?;
        paused_of(&google, declared.iter().copied()).await
    };
    Ok(timeout(TIMEOUT, read).await??)
}
