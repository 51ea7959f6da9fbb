//! A client of an emulator: resources by REST and messages by gRPC, as with Google's Rust client.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::publisher_client::PublisherClient;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{PublishRequest, PubsubMessage};
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};

use crate::Failure;
use crate::process::Process;

const PROJECT: &str = "projects/beside";
const MESSAGE_BYTES: usize = 1_024;
/// The most messages in a request, at most a thousand (Google, *Pub/Sub quotas and limits*, "Publish request").
const REQUEST_MESSAGES: usize = 500;

pub(crate) struct Client {
    url: String,
    rest: reqwest::Client,
    publisher: PublisherClient<Channel>,
}

impl Client {
    pub(crate) async fn connect(emulator: &Process) -> Result<Self, Failure> {
        let channel = Endpoint::from_shared(emulator.url.clone())?.tcp_nodelay(true);
        Ok(Self {
            url: format!("{}/v1/{PROJECT}", emulator.url),
            rest: reqwest::Client::new(),
            publisher: PublisherClient::new(channel.connect().await?),
        })
    }

    pub(crate) async fn create_topic(&self, topic: &str) -> Result<(), Failure> {
        let url = format!("{}/topics/{topic}", self.url);
        call(self.rest.put(url).json(&json!({}))).await
    }

    /// Creates a subscription that pushes to an endpoint, or keeps its messages without one.
    pub(crate) async fn subscribe(
        &self,
        subscription: &str,
        topic: &str,
        endpoint: Option<&str>,
    ) -> Result<(), Failure> {
        let url = format!("{}/subscriptions/{subscription}", self.url);
        let mut body =
            json!({ "topic": format!("{PROJECT}/topics/{topic}"), "ackDeadlineSeconds": 60 });
        if let (Some(endpoint), Some(fields)) = (endpoint, body.as_object_mut()) {
            fields.insert("pushConfig".to_owned(), push_config(endpoint));
        }
        call(self.rest.put(url).json(&body)).await
    }

    pub(crate) async fn push_to(&self, subscription: &str, endpoint: &str) -> Result<(), Failure> {
        let url = format!("{}/subscriptions/{subscription}:modifyPushConfig", self.url);
        let body = json!({ "pushConfig": push_config(endpoint) });
        call(self.rest.post(url).json(&body)).await
    }

    /// Publishes this number of messages of 1 KiB.
    pub(crate) async fn publish(&mut self, topic: &str, mut count: usize) -> Result<(), Failure> {
        while count > 0 {
            let now = count.min(REQUEST_MESSAGES);
            let message = PubsubMessage {
                data: vec![b'x'; MESSAGE_BYTES],
                ..PubsubMessage::default()
            };
            let request = PublishRequest {
                topic: format!("{PROJECT}/topics/{topic}"),
                messages: vec![message; now],
            };
            self.publisher.publish(request).await?;
            count -= now;
        }
        Ok(())
    }
}

fn push_config(endpoint: &str) -> Value {
    json!({ "pushEndpoint": endpoint })
}

async fn call(request: reqwest::RequestBuilder) -> Result<(), Failure> {
    let answer = request.send().await?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    Err(format!("the emulator answers {status}: {}", answer.text().await?).into())
}
