//! The links from the document to other files.

use super::markdown::code;
use crate::generate::paths::{Paths, link};
use crate::subscriber::Subscriber;

/// The links to derived files, and the place of the document.
pub(super) struct Links {
    documents: String,
    /// The link to the AsyncAPI document.
    pub(super) asyncapi: String,
    schemas: String,
}

impl Links {
    pub(super) fn of(paths: &Paths) -> Self {
        let asyncapi = link(&paths.documents, &paths.asyncapi);
        Self {
            documents: paths.documents.clone(),
            asyncapi: format!("[{asyncapi}]({asyncapi})"),
            schemas: link(&paths.documents, &paths.schemas),
        }
    }

    /// Returns the link to the JSON Schema of a message type, whose name is that of a file.
    pub(super) fn schema(&self, name: &str) -> String {
        format!("[{}]({}/{name}.json)", code(name), self.schemas)
    }

    /// Returns the link to the file of a declaration, or its path if it is outside the workspace.
    pub(super) fn source(&self, declared: &Subscriber) -> String {
        let path = &*declared.source;
        let is_plain = |each: char| each.is_ascii_alphanumeric() || "/._-".contains(each);
        if path.starts_with('/') || !path.chars().all(is_plain) {
            return code(path);
        }
        format!("[{}]({})", code(path), link(&self.documents, path))
    }
}
