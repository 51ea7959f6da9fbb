//! Google's *SchemaSettings*.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    Encoding as EncodingField, SchemaSettings as SchemaSettingsMessage,
};

use crate::error::ApiError;
use crate::resources::topic::{Encoding, SchemaSettings};
use crate::schema::required_encoding;

pub(super) fn schema_settings_from(
    settings: SchemaSettingsMessage,
) -> Result<SchemaSettings, ApiError> {
    Ok(SchemaSettings {
        encoding: required_encoding(settings.encoding())?,
        schema: settings.schema,
        first_revision_id: settings.first_revision_id,
        last_revision_id: settings.last_revision_id,
    })
}

pub(super) fn schema_settings_to(settings: SchemaSettings) -> SchemaSettingsMessage {
    let encoding = match settings.encoding {
        Encoding::Json => EncodingField::Json,
        Encoding::Binary => EncodingField::Binary,
    };
    SchemaSettingsMessage {
        schema: settings.schema,
        encoding: encoding.into(),
        first_revision_id: settings.first_revision_id,
        last_revision_id: settings.last_revision_id,
    }
}
