//! Google's REST interfaces for an operator's commands: Pub/Sub and ID tokens, at Google or at an emulator.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Extensions;
use backon::{ExponentialBuilder, Retryable};
use google_cloud_auth::credentials::{Builder, CacheableResource, Credentials};
use google_cloud_gax::error::CredentialsError;
use reqwest::{Client, Method, StatusCode, redirect};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use crate::config::metadata;
use crate::config::pubsub_emulator;
use crate::environment::Environment;
use crate::loggable::excerpt;

const PUBSUB: &str = "https://pubsub.googleapis.com";
const IAM: &str = "https://iamcredentials.googleapis.com";
/// The prefix of the labels that keep the push configuration of a paused subscription.
pub(super) const PAUSED_LABEL: &str = "pushgate-paused-";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The longest wait for an answer. A pull may wait for messages.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The error of a call.
#[derive(Debug, thiserror::Error)]
pub(super) enum GoogleError {
    #[error("PUBSUB_EMULATOR_HOST is {0:?}, expected HOST:PORT")]
    Emulator(String),
    #[error("the project is unknown: set GOOGLE_CLOUD_PROJECT or --project")]
    NoProject,
    #[error("no credentials: run gcloud auth application-default login")]
    NoCredentials(#[source] google_cloud_auth::build_errors::Error),
    #[error("no access token: run gcloud auth application-default login")]
    Credentials(#[from] CredentialsError),
    #[error("no HTTP client")]
    Client(#[source] reqwest::Error),
    #[error("{call} got no answer")]
    NoAnswer {
        call: String,
        source: reqwest::Error,
    },
    #[error("{call} is rejected: {message} ({status})")]
    Rejected {
        call: String,
        status: StatusCode,
        message: String,
    },
}

impl GoogleError {
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Rejected { status, .. } if *status == StatusCode::NOT_FOUND)
    }

    pub(super) fn is_invalid(&self) -> bool {
        matches!(self, Self::Rejected { status, .. } if *status == StatusCode::BAD_REQUEST)
    }

    /// Returns true if the same call may succeed later (Google, *Error codes*: 429, 500, 503 and 504 may be retried).
    fn is_transient(&self) -> bool {
        match self {
            Self::NoAnswer { source, .. } => !source.is_decode(),
            Self::Rejected { status, .. } => matches!(status.as_u16(), 429 | 500 | 502..=504),
            Self::Credentials(error) => error.is_transient(),
            _ => false,
        }
    }
}

/// Google's form of an error (Google, *Errors*).
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorStatus,
}

#[derive(Deserialize)]
struct ErrorStatus {
    message: String,
}

/// A subscription (Google, *Cloud Pub/Sub API*, `Subscription`), as far as commands need it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Subscription {
    pub(super) topic: String,
    /// The whole `PushConfig`, with fields that no command knows.
    pub(super) push_config: Value,
    pub(super) ack_deadline_seconds: u64,
    pub(super) message_retention_duration: String,
    pub(super) retain_acked_messages: bool,
    /// The retention of the topic, if it keeps messages for new subscriptions and for seeks.
    pub(super) topic_message_retention_duration: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
}

/// The parts of a `PushConfig` that a sender needs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PushConfig {
    pub(super) push_endpoint: String,
    pub(super) oidc_token: Option<OidcToken>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OidcToken {
    pub(super) service_account_email: String,
    pub(super) audience: String,
}

impl Subscription {
    /// Returns the parts of the push configuration; the endpoint is empty if there is none.
    pub(super) fn push(&self) -> PushConfig {
        PushConfig::deserialize(&self.push_config).unwrap_or_default()
    }

    pub(super) fn is_push(&self) -> bool {
        !self.push().push_endpoint.is_empty()
    }

    /// Returns true if `pushgate pause` stopped its pushes.
    pub(super) fn is_paused(&self) -> bool {
        let is_kept = |label: &String| label.starts_with(PAUSED_LABEL);
        !self.is_push() && self.labels.keys().any(is_kept)
    }
}

/// A client of Google's interfaces, or of an emulator with the same.
#[derive(Clone)]
pub(super) struct Google {
    pub(super) http: Client,
    /// `None` for an emulator.
    credentials: Option<Credentials>,
    pubsub: String,
    iam: String,
    pub(super) project: String,
}

impl Google {
    /// Opens a client with application default credentials, or of the emulator at `PUBSUB_EMULATOR_HOST`.
    pub(super) async fn open(
        environment: &Environment,
        project: Option<&str>,
    ) -> Result<Self, GoogleError> {
        let project = match project {
            Some(project) => project.to_owned(),
            None => metadata::project(environment.clone())
                .await
                .ok_or(GoogleError::NoProject)?,
        };
        let emulator = pubsub_emulator(environment).map_err(GoogleError::Emulator)?;
        // Pub/Sub takes a redirection for a failure (Google, *Push subscriptions*), and so do replays.
        let http = Client::builder().timeout(TIMEOUT);
        let http = http.redirect(redirect::Policy::none()).build();
        let http = http.map_err(GoogleError::Client)?;
        let (credentials, pubsub, iam) = match emulator {
            Some(host) => (None, format!("http://{host}"), format!("http://{host}")),
            None => {
                let credentials = Builder::default().with_scopes([SCOPE]).build();
                let credentials = credentials.map_err(GoogleError::NoCredentials)?;
                (Some(credentials), PUBSUB.to_owned(), IAM.to_owned())
            }
        };
        Ok(Self {
            http,
            credentials,
            pubsub,
            iam,
            project,
        })
    }

    pub(super) fn is_emulator(&self) -> bool {
        self.credentials.is_none()
    }

    /// Returns the full name of a subscription in the project.
    pub(super) fn subscription_name(&self, id: &str) -> String {
        format!("projects/{}/subscriptions/{id}", self.project)
    }

    /// Reads a subscription by its full name.
    pub(super) async fn subscription(&self, name: &str) -> Result<Subscription, GoogleError> {
        let url = format!("{}/v1/{name}", self.pubsub);
        self.call(Method::GET, name, &url, None).await
    }

    /// Changes a resource by its full name.
    pub(super) async fn patch(&self, name: &str, body: Value) -> Result<(), GoogleError> {
        let call = format!("the update of {name}");
        let url = format!("{}/v1/{name}", self.pubsub);
        let patched = self.call::<IgnoredAny>(Method::PATCH, &call, &url, Some(body));
        patched.await.map(drop)
    }

    /// Creates a resource by its full name.
    pub(super) async fn put(&self, name: &str, body: Value) -> Result<(), GoogleError> {
        let call = format!("the creation of {name}");
        let url = format!("{}/v1/{name}", self.pubsub);
        let created = self.call::<IgnoredAny>(Method::PUT, &call, &url, Some(body));
        created.await.map(drop)
    }

    /// Calls a method of a subscription, such as `acknowledge`.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        name: &str,
        method: &str,
        body: Value,
    ) -> Result<T, GoogleError> {
        let call = format!("{method} of {name}");
        let url = format!("{}/v1/{name}:{method}", self.pubsub);
        self.call(Method::POST, &call, &url, Some(body)).await
    }

    /// Calls a method of a subscription once, for a caller that tries again by itself.
    pub(super) async fn post_once(
        &self,
        name: &str,
        method: &str,
        body: &Value,
    ) -> Result<(), GoogleError> {
        let call = format!("{method} of {name}");
        let url = format!("{}/v1/{name}:{method}", self.pubsub);
        let answer = self.call_once::<IgnoredAny>(Method::POST, &call, &url, Some(body));
        answer.await.map(drop)
    }

    /// Returns an ID token of a service account. The caller needs the role `roles/iam.serviceAccountOpenIdTokenCreator` on it
    /// (Google, *Create short-lived credentials for a service account*).
    pub(super) async fn id_token(&self, account: &OidcToken) -> Result<String, GoogleError> {
        #[derive(Deserialize)]
        struct IdToken {
            token: String,
        }
        let email = &account.service_account_email;
        let url = format!(
            "{}/v1/projects/-/serviceAccounts/{email}:generateIdToken",
            self.iam
        );
        let body = json!({"audience": account.audience, "includeEmail": true});
        let call = format!("an ID token of {email}");
        let answer: IdToken = self.call(Method::POST, &call, &url, Some(body)).await?;
        Ok(answer.token)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        call: &str,
        url: &str,
        body: Option<Value>,
    ) -> Result<T, GoogleError> {
        let once = || self.call_once(method.clone(), call, url, body.as_ref());
        let patience = ExponentialBuilder::default()
            .with_max_times(5)
            .with_jitter();
        once.retry(patience).when(GoogleError::is_transient).await
    }

    async fn call_once<T: DeserializeOwned>(
        &self,
        method: Method,
        call: &str,
        url: &str,
        body: Option<&Value>,
    ) -> Result<T, GoogleError> {
        let mut request = self.http.request(method, url);
        if let Some(credentials) = &self.credentials
            && let CacheableResource::New { data, .. } =
                credentials.headers(Extensions::new()).await?
        {
            request = request.headers(data);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let no_answer = |source| GoogleError::NoAnswer {
            call: call.to_owned(),
            source,
        };
        let answer = request.send().await.map_err(no_answer)?;
        let status = answer.status();
        if status.is_success() {
            return answer.json().await.map_err(no_answer);
        }
        let text = answer.text().await.map_err(no_answer)?;
        let message = serde_json::from_str::<ErrorBody>(&text)
            .map_or_else(|_| excerpt(&text), |body| body.error.message);
        Err(GoogleError::Rejected {
            call: call.to_owned(),
            status,
            message,
        })
    }
}
