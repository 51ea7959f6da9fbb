//! The file of a declaration.

use super::markdown::code;
use crate::subscriber::Subscriber;

/// Returns the link to the file, or its path if it is outside the project.
pub(super) fn source(declared: &Subscriber) -> String {
    let path = declared.source;
    let is_plain = |each: char| each.is_ascii_alphanumeric() || "/._-".contains(each);
    if path.starts_with('/') || !path.chars().all(is_plain) {
        return code(path);
    }
    format!("[{}](../{path})", code(path))
}
