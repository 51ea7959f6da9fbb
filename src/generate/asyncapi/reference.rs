//! Names as keys, and references to them.

use std::fmt::Write as _;

use serde::Serialize;

/// A pointer within the document.
#[derive(Serialize)]
pub(super) struct Reference {
    #[serde(rename = "$ref")]
    to: String,
}

impl Reference {
    /// Returns a reference to a file beside the document.
    pub(super) fn file(path: String) -> Self {
        Self { to: path }
    }

    /// Returns a pointer along these keys, which need no escaping.
    pub(super) fn to<const N: usize>(keys: [&str; N]) -> Self {
        Self {
            to: format!("#/{}", keys.join("/")),
        }
    }
}

/// Returns a name as a key. Characters that AsyncAPI's keys cannot have (`~`, `+`, `%`) become their code, `_7E`.
pub(super) fn key(name: &str) -> String {
    name.chars().fold(String::new(), |mut key, each| {
        if each.is_ascii_alphanumeric() || "-_.".contains(each) {
            key.push(each);
        } else {
            let _ = write!(key, "_{:02X}", u32::from(each));
        }
        key
    })
}
