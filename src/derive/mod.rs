//! What follows from the declarations, so that nothing is written twice.

mod asyncapi;
mod documents;
mod error;
mod files;
mod manifest;
mod schemas;
mod terraform;
mod topics;

pub(crate) use self::files::{Staleness, derived, project_root, stale, superfluous};
pub(crate) use self::manifest::Manifest;
