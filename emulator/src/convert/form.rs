//! The form of names in settings.

use crate::error::ApiError;

/// Checks a required bucket, which has no prefix such as `gs://` (Google, *CloudStorageConfig*, `bucket`).
pub(super) fn check_bucket(field: &str, bucket: &str) -> Result<(), ApiError> {
    if bucket.is_empty() || bucket.contains('/') {
        return Err(ApiError::invalid(format!(
            "{field} is {bucket:?}, expected the name of a bucket without gs://"
        )));
    }
    Ok(())
}

/// Checks a name against a form in which `*` is one part of a path.
pub(super) fn check_form(field: &str, found: &str, form: &str) -> Result<(), ApiError> {
    let parts = found.split('/');
    let has_form = parts.clone().count() == form.split('/').count()
        && parts
            .zip(form.split('/'))
            .all(|(found, expected)| found == expected || (expected == "*" && !found.is_empty()));
    if !has_form {
        return Err(ApiError::invalid(format!(
            "{field} is {found:?}, expected {form}"
        )));
    }
    Ok(())
}
