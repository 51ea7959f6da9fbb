//! The operators' interface of a running service, for the commands that change records.

use std::error::Error;

use reqwest::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::google::{Google, GoogleError, PushConfig, Subscription};
use super::pause::kept;
use crate::config::metadata::project_id;
use crate::environment::Environment;
use crate::loggable::excerpt;
use crate::service::Service;

/// The end of `--help` of both commands.
macro_rules! access_help {
    () => {
        "\
The service answers at /operate/ of its own address, which is read from the push endpoint of the subscription: with
PUBSUB_EMULATOR_HOST=HOST:PORT from an emulator, otherwise with Google's application default credentials and
roles/pubsub.viewer. It answers to PUSHGATE_OPERATORS. The token of one is read from the environment variable
PUSHGATE_OPERATOR_TOKEN; without it the command takes one of the subscription's push account, as pushgate dev needs it, with
roles/iam.serviceAccountOpenIdTokenCreator on the account, which has to be one of PUSHGATE_OPERATORS."
    };
}
pub(super) use access_help;

/// The subscription, and the service that has it.
#[derive(clap::Args)]
pub(super) struct Place {
    /// Address of the service; by default that of the subscription's push endpoint
    #[arg(long, value_name = "URL")]
    service: Option<Url>,
    /// Project of the subscription; by default GOOGLE_CLOUD_PROJECT, or the metadata server's project
    #[arg(long, value_parser = project_id)]
    project: Option<String>,
}

/// The error of the operators' interface.
#[derive(Debug, thiserror::Error)]
pub(super) enum OperatorError {
    #[error("{0} has no push endpoint: name the address of the service with --service")]
    NoEndpoint(String),
    #[error("the address {0:?} has no place for /operate/")]
    Address(String),
    #[error("{url} gives no answer: is the ingress of the service open to this machine?")]
    NoAnswer { url: Url, source: reqwest::Error },
    #[error(
        "the service rejects the operator with {status}: check PUSHGATE_OPERATOR_TOKEN, and PUSHGATE_OPERATORS of the service: {message}"
    )]
    NotOperator { status: StatusCode, message: String },
    #[error("{0}")]
    Refused(String),
    #[error(
        "{url} answers {status}: is it a service of pushgate with PUSHGATE_OPERATORS? {message}"
    )]
    Other {
        url: Url,
        status: StatusCode,
        message: String,
    },
}

/// A service as its operators reach it.
pub(super) struct Operated {
    pub(super) google: Google,
    /// The full name of the subscription.
    pub(super) name: String,
    pub(super) found: Subscription,
    address: Url,
    token: String,
}

impl Place {
    /// Finds the service of a declared subscription, and a token.
    pub(super) async fn open(
        &self,
        service: &Service,
        id: &str,
        environment: &Environment,
    ) -> Result<Operated, Box<dyn Error>> {
        service.declared(id)?;
        let google = Google::open(environment, self.project.as_deref()).await?;
        let name = google.subscription_name(id);
        let found = google.subscription(&name).await?;
        let push = push_of(&name, &found)?;
        let address = match &self.service {
            Some(address) => address.clone(),
            None if push.push_endpoint.is_empty() => {
                return Err(OperatorError::NoEndpoint(name).into());
            }
            None => Url::parse(&push.push_endpoint)
                .map_err(|_| OperatorError::Address(push.push_endpoint.clone()))?,
        };
        let token = match environment.get("PUSHGATE_OPERATOR_TOKEN") {
            Some(token) => token.to_owned(),
            None => token_of(&google, push).await?,
        };
        Ok(Operated {
            google,
            name,
            found,
            address,
            token,
        })
    }
}

/// Returns the push configuration, also of a paused subscription.
fn push_of(name: &str, found: &Subscription) -> Result<PushConfig, Box<dyn Error>> {
    if found.is_push() {
        return Ok(found.push());
    }
    let kept = kept(name, &found.labels)?.unwrap_or(Value::Null);
    Ok(PushConfig::deserialize(&kept).unwrap_or_default())
}

/// Returns a token of the push account, or none for an endpoint without authentication.
async fn token_of(google: &Google, push: PushConfig) -> Result<String, GoogleError> {
    match push.oidc_token {
        Some(account) => google.id_token(&account).await,
        None => Ok(String::new()),
    }
}

impl Operated {
    /// Posts a request to a path below `/operate/`, and returns the answer of a success.
    pub(super) async fn post(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<Response, OperatorError> {
        let mut url = self.address.clone();
        url.set_path(&format!("/operate/{path}"));
        url.set_query(None);
        let sent = self.google.http.post(url.clone()).bearer_auth(&self.token);
        let answer = match sent.json(request).send().await {
            Ok(answer) => answer,
            Err(source) => return Err(OperatorError::NoAnswer { url, source }),
        };
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.text().await.unwrap_or_default();
        let stated = serde_json::from_str::<Value>(&text).ok();
        let stated =
            stated.and_then(|body| Some(body.pointer("/error/message")?.as_str()?.to_owned()));
        let message = excerpt(stated.as_deref().unwrap_or(&text));
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                OperatorError::NotOperator { status, message }
            }
            _ if stated.is_some() => OperatorError::Refused(message),
            _ => OperatorError::Other {
                url,
                status,
                message,
            },
        })
    }
}
