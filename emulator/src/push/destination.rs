//! The destination and the form of a subscription's pushes.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Uri};
use url::Url;

use super::concurrency::OwnPermit;
use super::connection::PushRequest;
use super::connections::Connections;
use super::{Outgoing, PushError, TokenChoice, event, unwrapped, wrapped};
use crate::error::ApiError;
use crate::issuer::{Bearer, Issuer};
use crate::messages::message::ReceivedMessage;
use crate::resources::subscription::{PushConfig, PushForm, SubscriptionConfig};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The content type of Eventarc's events (Google, *Eventarc*: event format).
const EVENT: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// The content type of an unwrapped push without an attribute for it. It claims nothing about the data. Google's value is
/// not documented.
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const PUSHER: HeaderValue = HeaderValue::from_static("CloudPubSub-Google");

/// The destination of one subscription's pushes, computed for each change of its settings.
pub(crate) struct Destination {
    subscription: String,
    subscription_header: HeaderValue,
    event_source: HeaderValue,
    /// Scheme, host and port, for new connections.
    pub(super) endpoint: Uri,
    /// Path and query, for the request.
    path: Uri,
    host: HeaderValue,
    form: PushForm,
    account: Option<Account>,
    pub(super) deadline: Duration,
    shows_attempts: bool,
    /// The connections, shared with other subscriptions of this endpoint; unset until the first push.
    pub(super) connections: OnceLock<Arc<Connections>>,
    pub(super) own_permit: OwnPermit,
}

/// The service account of the token.
struct Account {
    email: String,
    audience: String,
    bearer: RwLock<Option<Bearer>>,
}

impl Destination {
    /// Returns the destination, or `None` if the subscription has no endpoint.
    pub(crate) fn of(config: &SubscriptionConfig) -> Result<Option<Arc<Self>>, ApiError> {
        let Some(push) = &config.push_config else {
            return Ok(None);
        };
        if push.form == PushForm::WrappedV1Beta1 {
            return Err(ApiError::unimplemented(
                "The push format v1beta1 is no longer documented by Google",
            ));
        }
        let url = push.url()?;
        let [endpoint, path] = uris(&url)?;
        let host = endpoint
            .authority()
            .map_or("", |authority| authority.as_str());
        Ok(Some(Arc::new(Self {
            subscription_header: header(&config.name)?,
            event_source: header(&event::source(&config.topic))?,
            subscription: config.name.clone(),
            host: header(host)?,
            endpoint,
            path,
            form: push.form,
            account: Account::of(push),
            deadline: config.ack_deadline,
            // Only pushes with a dead-letter policy have it (Google, *ReceivedMessage*, `deliveryAttempt`).
            shows_attempts: config.dead_letter_policy.is_some(),
            connections: OnceLock::new(),
            own_permit: OwnPermit::default(),
        })))
    }

    pub(crate) fn subscription(&self) -> &str {
        &self.subscription
    }

    /// Returns true if pushes have a token.
    pub(crate) fn is_signed(&self) -> bool {
        self.account.is_some()
    }

    /// Returns the endpoint for logs: without the query, which may contain a secret.
    pub(crate) fn shown(&self) -> String {
        let endpoint = self.endpoint.to_string();
        format!("{}{}", endpoint.trim_end_matches('/'), self.path.path())
    }

    /// Returns the request of one push. These headers are those of Google's sample (Google, *Payload unwrapping*, sample of a
    /// wrapped request).
    pub(crate) async fn request(
        &self,
        outgoing: &Outgoing,
        issuer: &Arc<Issuer>,
    ) -> Result<PushRequest, PushError> {
        let authorization = self.authorization(outgoing.token, issuer).await;
        let body = self.body(outgoing)?;
        let is_empty = body.is_empty();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, PUSHER);
        self.write_form(headers, &outgoing.message);
        if is_empty {
            // The HTTP library sets all other lengths.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        // Set last, so that no attribute replaces it.
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        Ok(request)
    }

    /// Adds the headers of the form.
    fn write_form(&self, headers: &mut HeaderMap, message: &ReceivedMessage) {
        match self.form {
            PushForm::Wrapped | PushForm::WrappedV1Beta1 => {
                headers.insert(CONTENT_TYPE, JSON);
            }
            PushForm::Eventarc => {
                headers.insert(CONTENT_TYPE, EVENT);
                event::write_attributes(headers, &self.event_source, message);
            }
            PushForm::Unwrapped { write_metadata } => {
                headers.insert(CONTENT_TYPE, BYTES);
                if write_metadata {
                    unwrapped::write_metadata(headers, &self.subscription_header, message);
                }
            }
        }
    }

    fn body(&self, outgoing: &Outgoing) -> Result<Bytes, PushError> {
        let message = &outgoing.message;
        if let PushForm::Unwrapped { .. } = self.form {
            return Ok(message.data.clone());
        }
        let shown = self.shows_attempts.then_some(outgoing.attempt);
        let body = wrapped::write(&self.subscription, message, shown)?;
        Ok(Bytes::from(body))
    }

    async fn authorization(&self, token: TokenChoice, issuer: &Arc<Issuer>) -> Option<HeaderValue> {
        let account = self.account.as_ref()?;
        match token {
            TokenChoice::Missing => None,
            TokenChoice::Good => account.bearer(issuer).await,
            TokenChoice::Forged(forgery) => {
                let (email, audience) = (account.email.clone(), account.audience.clone());
                let issuer = Arc::clone(issuer);
                // Some forgeries need another key, which takes long to generate.
                let forge = move || issuer.forged(forgery, &email, &audience);
                let forged = tokio::task::spawn_blocking(forge).await.ok()?;
                HeaderValue::try_from(format!("Bearer {forged}")).ok()
            }
        }
    }
}

impl Account {
    fn of(push: &PushConfig) -> Option<Self> {
        let token = push.oidc_token.as_ref()?;
        // The audience defaults to the endpoint as configured (Google, *PushConfig.OidcToken*, `audience`).
        let audience = token.audience.clone();
        Some(Self {
            email: token.service_account_email.clone(),
            audience: audience.unwrap_or_else(|| push.endpoint.clone()),
            bearer: RwLock::new(None),
        })
    }

    /// Returns the header of a valid token, which is cached while the issuer would return the same.
    async fn bearer(&self, issuer: &Arc<Issuer>) -> Option<HeaderValue> {
        if let Some(kept) = self.kept(issuer) {
            return Some(kept);
        }
        issuer.ready().await;
        let bearer = issuer.bearer(&self.email, &self.audience)?;
        let header = bearer.header().clone();
        *self.bearer.write().unwrap_or_else(PoisonError::into_inner) = Some(bearer);
        Some(header)
    }

    fn kept(&self, issuer: &Issuer) -> Option<HeaderValue> {
        let kept = self.bearer.read().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.as_ref().filter(|bearer| issuer.is_current(bearer))?;
        Some(kept.header().clone())
    }
}

/// Returns the address to connect to, and the request's target.
fn uris(url: &Url) -> Result<[Uri; 2], ApiError> {
    let port = url
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    let host = url.host_str().unwrap_or_default();
    let query = url
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let endpoint = format!("{}://{host}{port}", url.scheme());
    let path = format!("{}{query}", url.path());
    let uri = |text: String| text.parse().map_err(|_| not_sendable());
    Ok([uri(endpoint)?, uri(path)?])
}

fn header(value: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(value).map_err(|_| not_sendable())
}

fn not_sendable() -> ApiError {
    ApiError::invalid("pushConfig.pushEndpoint cannot be used in an HTTP request")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_shows_the_endpoint_without_what_may_be_secret() {
        let mut config =
            SubscriptionConfig::new("projects/p/subscriptions/s", "projects/p/topics/t");
        config.push_config = Some(PushConfig::new("http://h:8080/push?token=secret"));
        let destination = Destination::of(&config).unwrap().unwrap();
        assert_eq!(destination.shown(), "http://h:8080/push");
    }

    fn check(url: &str, endpoint: &str, path: &str) {
        let uris = uris(&url.parse().unwrap()).unwrap();
        assert_eq!(uris.map(|uri| uri.to_string()), [endpoint, path], "{url}");
    }

    #[test]
    fn a_request_has_exactly_the_target_of_its_endpoint() {
        check("http://h:8080/a/b?c=d&e", "http://h:8080/", "/a/b?c=d&e");
        check("https://h", "https://h/", "/");
        check("http://[::1]:1/?#part", "http://[::1]:1/", "/?");
        check(
            "http://h:80/a%20b?x=ü|{}",
            "http://h/",
            "/a%20b?x=%C3%BC|{}",
        );
    }
}
