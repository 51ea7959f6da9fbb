//! A bootstrap file, its project and its folder.

use serde_saphyr::Spanned;

use super::place::{BootstrapFault, Source, read_text, rejected};
use crate::error::ApiError;
use crate::resources::name::ResourceName;

pub(super) type Checked<T> = Result<T, BootstrapFault>;

/// A file that is being read.
pub(super) struct File<'a> {
    pub(super) source: &'a Source,
    pub(super) text: &'a str,
    pub(super) project: String,
}

impl File<'_> {
    /// Returns the full name. A name with a slash is already full.
    pub(super) fn full(&self, collection: &str, written: &str) -> String {
        if written.contains('/') {
            return written.to_owned();
        }
        format!("projects/{}/{collection}/{written}", self.project)
    }

    pub(super) fn name(
        &self,
        written: &Spanned<String>,
        collection: &str,
        check: impl Fn(&str) -> Result<ResourceName, ApiError>,
    ) -> Checked<ResourceName> {
        check(&self.full(collection, &written.value))
            .map_err(|error| rejected(self.source, written.referenced, &error))
    }

    pub(super) fn read(&self, path: &Spanned<String>) -> Checked<String> {
        let whole = self.source.folder.join(&path.value);
        read_text(&whole).map_err(|why| {
            let text = format!("{} {why}", whole.display());
            BootstrapFault::new(self.source, path.referenced, text)
        })
    }
}
