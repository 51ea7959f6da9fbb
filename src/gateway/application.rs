//! The application behind the gateway: one request for each run.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, redirect};
use url::Url;

use super::{reply, request};
use crate::handler::outcome::Outcome;
use crate::handler::{HandlerResult, Input, NoOutcome, Work};
use crate::loggable::chain;
use crate::subscriber::{Form, Subscriber};

/// The time for a connection to the application, which is on the same machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The time that a connection is kept without a request. Applications close theirs after 2 s (Gunicorn) or 5 s (Uvicorn, Node), and
/// a request that meets the close is lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

const CUT_OFF: &str = "closed the connection before the end of its response";

/// The application's address, and its connections.
pub(super) struct Application {
    client: Client,
    url: Url,
}

/// The requests of one subscription.
struct Requests {
    application: Arc<Application>,
    url: Url,
    form: Form,
    topic: String,
    /// The time from the hard limit to the ack deadline.
    margin: Duration,
}

impl Application {
    /// Prepares requests to this address, past any proxy.
    ///
    /// # Errors
    /// If the client cannot be created.
    pub(super) fn new(url: Url) -> reqwest::Result<Self> {
        let client = Client::builder()
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("pushgate/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, url })
    }

    /// Returns the address of a path.
    ///
    /// # Errors
    /// If address and path make no URL of this application. The text is for the user.
    pub(super) fn at(&self, path: &str) -> Result<Url, String> {
        let url = self.url.join(path).ok();
        url.filter(|url| path.starts_with('/') && url.origin() == self.url.origin())
            .ok_or_else(|| format!("path is {path:?}, expected one such as \"/orders\""))
    }
}

/// Reads the address of an application.
///
/// # Errors
/// If it is none of an HTTP server. The text is for the user.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| {
        format!("application is {text:?}, expected a URL such as \"http://127.0.0.1:8000\"")
    })
}

/// Returns the handler of a subscription: a request to the application at this address.
pub(super) fn work(application: &Arc<Application>, url: Url, declared: &Subscriber) -> Work {
    let requests = Arc::new(Requests {
        application: Arc::clone(application),
        url,
        form: declared.pushes.form,
        topic: declared.topic.clone(),
        margin: declared
            .cloud
            .ack_deadline
            .saturating_sub(declared.limits().hard),
    });
    Work::Async(Arc::new(move |input: Input| {
        let requests = Arc::clone(&requests);
        Box::pin(async move { requests.send(input).await })
    }))
}

impl Requests {
    /// Sends the message, and waits for the decision. The caller drops this future at the hard limit, which closes the connection.
    async fn send(&self, input: Input) -> HandlerResult {
        let time_left = input.context.time_left().saturating_sub(self.margin);
        let request = self.application.client.post(self.url.clone());
        let request = request
            .headers(request::headers(&input, self.form, &self.topic, time_left))
            .body(request::body(&input, self.form));
        match request.send().await {
            Ok(response) => reply::outcome(response)
                .await
                .map_err(|error| NoOutcome::CutOff(self.fault(CUT_OFF, &*error))),
            // The request has not begun, so nothing has happened.
            Err(error) if error.is_connect() || error.is_builder() => Ok(Outcome::retry(
                self.fault("cannot be reached", &error.without_url()),
            )),
            Err(error) => Err(NoOutcome::CutOff(self.fault(CUT_OFF, &error.without_url()))),
        }
    }

    fn fault(&self, what: &str, error: &dyn Error) -> String {
        let cause = chain(error);
        format!("the application at {} {what}: {cause}", self.url)
    }
}
