//! Topic `uploads`: notifications of Cloud Storage about the bucket that customers upload documents to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// The attribute with the kind of event (Google, *Pub/Sub notifications for Cloud Storage*).
pub const EVENT_TYPE: &str = "eventType";
/// Its value for a new object, or a new generation of one.
pub const OBJECT_FINALIZE: &str = "OBJECT_FINALIZE";

/// An object of Cloud Storage, as the payload format JSON_API_V1 describes it; with the fields that its subscriber needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoredObject {
    /// Its name within the bucket, 1 to 1,024 bytes, with slashes like a path.
    #[validate(length(min = 1, max = 1024))]
    pub name: String,
    /// The bucket.
    #[validate(length(min = 3, max = 222))]
    pub bucket: String,
    /// Its size in bytes: a 64-bit number, which JSON carries as a string.
    #[validate(length(min = 1, max = 20))]
    pub size: String,
    /// Changes with each overwrite; a 64-bit number as a string.
    #[validate(length(min = 1, max = 20))]
    pub generation: String,
    /// For example `text/plain`; absent if the uploader named none.
    pub content_type: Option<String>,
}
