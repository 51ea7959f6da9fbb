//! Google's *IngestionDataSourceSettings*, with the required fields of each source.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::IngestionDataSourceSettings;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::ingestion_data_source_settings::{
    Source, aws_kinesis, aws_msk, azure_event_hubs, cloud_storage, confluent_cloud,
};

use super::form::check_bucket;
use crate::error::ApiError;

/// Checks the settings, and sets the state of the source, which is output only, to the one of a source that works.
///
/// # Errors
/// If a required field is missing, or if a bucket is no name.
pub(super) fn ingestion_from(
    mut settings: IngestionDataSourceSettings,
) -> Result<IngestionDataSourceSettings, ApiError> {
    match &mut settings.source {
        Some(Source::AwsKinesis(source)) => {
            require(
                "awsKinesis",
                &[
                    ("streamArn", &source.stream_arn),
                    ("consumerArn", &source.consumer_arn),
                    ("awsRoleArn", &source.aws_role_arn),
                    ("gcpServiceAccount", &source.gcp_service_account),
                ],
            )?;
            source.state = aws_kinesis::State::Active.into();
        }
        Some(Source::CloudStorage(source)) => {
            let field = "ingestionDataSourceSettings.cloudStorage.bucket";
            check_bucket(field, &source.bucket)?;
            source.state = cloud_storage::State::Active.into();
        }
        // None of its fields is required (Google, *AzureEventHubs*).
        Some(Source::AzureEventHubs(source)) => {
            source.state = azure_event_hubs::State::Active.into();
        }
        Some(Source::AwsMsk(source)) => {
            require(
                "awsMsk",
                &[
                    ("clusterArn", &source.cluster_arn),
                    ("topic", &source.topic),
                    ("awsRoleArn", &source.aws_role_arn),
                    ("gcpServiceAccount", &source.gcp_service_account),
                ],
            )?;
            source.state = aws_msk::State::Active.into();
        }
        Some(Source::ConfluentCloud(source)) => {
            require(
                "confluentCloud",
                &[
                    ("bootstrapServer", &source.bootstrap_server),
                    ("clusterId", &source.cluster_id),
                    ("topic", &source.topic),
                    ("identityPoolId", &source.identity_pool_id),
                    ("gcpServiceAccount", &source.gcp_service_account),
                ],
            )?;
            source.state = confluent_cloud::State::Active.into();
        }
        None => {}
    }
    Ok(settings)
}

fn require(source: &str, fields: &[(&str, &String)]) -> Result<(), ApiError> {
    match fields.iter().find(|(_, value)| value.is_empty()) {
        Some((field, _)) => Err(ApiError::invalid(format!(
            "ingestionDataSourceSettings.{source}.{field} is missing"
        ))),
        None => Ok(()),
    }
}
