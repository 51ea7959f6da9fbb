//! Google's *MessageTransform*.

use std::collections::BTreeSet;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::MessageTransform;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::message_transform::Transform;

use crate::error::ApiError;

/// The most code of a function (Google, *User Defined Functions overview*, limits).
const MAX_CODE_BYTES: usize = 20 * 1024;

/// # Errors
/// If a transform has no type, or if a required field is missing, or if two functions have the same name.
pub(super) fn check_transforms(transforms: &[MessageTransform]) -> Result<(), ApiError> {
    let mut functions = BTreeSet::new();
    for (place, transform) in transforms.iter().enumerate() {
        let reject = |reason: &str| {
            Err(ApiError::invalid(format!(
                "messageTransforms[{place}]{reason}"
            )))
        };
        match &transform.transform {
            None => return reject(" has neither javascriptUdf nor aiInference"),
            Some(Transform::JavascriptUdf(udf)) if udf.function_name.is_empty() => {
                return reject(".javascriptUdf.functionName is missing");
            }
            Some(Transform::JavascriptUdf(udf)) if udf.code.is_empty() => {
                return reject(".javascriptUdf.code is missing");
            }
            Some(Transform::JavascriptUdf(udf)) if udf.code.len() > MAX_CODE_BYTES => {
                return reject(&format!(
                    ".javascriptUdf.code has {} bytes, expected at most {MAX_CODE_BYTES}",
                    udf.code.len()
                ));
            }
            // (Google, *MessageTransform*, `javascript_udf`.)
            Some(Transform::JavascriptUdf(udf)) if !functions.insert(&udf.function_name) => {
                return reject(
                    ".javascriptUdf.functionName is that of another transform, expected a unique name",
                );
            }
            Some(Transform::AiInference(inference)) if inference.endpoint.is_empty() => {
                return reject(".aiInference.endpoint is missing");
            }
            Some(_) => {}
        }
    }
    Ok(())
}
