//! Google's client, for Google or an emulator.

use std::time::Duration;

use google_cloud_auth::credentials::anonymous;
use google_cloud_gax::client_builder::Error;
use google_cloud_gax::retry_policy::RetryPolicyExt;
use google_cloud_pubsub::client::BasePublisher;
use google_cloud_pubsub::retry_policy::RetryableErrors;

/// Google's client does not read `PUBSUB_EMULATOR_HOST` by itself: `emulator` is its `HOST:PORT`. Its own limit for retries is
/// 10 minutes, longer than any delivery; `patience` replaces it.
pub(crate) async fn connect(
    emulator: Option<&str>,
    patience: Duration,
) -> Result<BasePublisher, Error> {
    let builder =
        BasePublisher::builder().with_retry_policy(RetryableErrors.with_time_limit(patience));
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
