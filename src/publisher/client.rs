//! Google's client, connected to Google or to an emulator.

use std::time::Duration;

use google_cloud_auth::credentials::anonymous;
use google_cloud_gax::client_builder::Error;
use google_cloud_gax::retry_policy::RetryPolicyExt;
use google_cloud_pubsub::client::BasePublisher;
use google_cloud_pubsub::retry_policy::RetryableErrors;

/// Connects to the emulator at `HOST:PORT`, or to Google without one: Google's client does not read `PUBSUB_EMULATOR_HOST`.
/// `retry_time_limit` replaces the client's own limit of 10 minutes, which is longer than any delivery.
pub(crate) async fn connect(
    emulator: Option<&str>,
    retry_time_limit: Duration,
) -> Result<BasePublisher, Error> {
    let policy = RetryableErrors.with_time_limit(retry_time_limit);
    let builder = BasePublisher::builder().with_retry_policy(policy);
    match emulator {
        Some(host) => {
            builder
                .with_endpoint(format!("http://{host}"))
                .with_credentials(anonymous::Builder::new().build())
                .build()
                .await
        }
        None => builder.build().await,
    }
}
