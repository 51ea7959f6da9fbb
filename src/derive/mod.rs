//! What follows from the declarations, so that nothing is written twice.

mod asyncapi;
pub(crate) mod check;
mod documents;
mod error;
mod files;
mod manifest;
pub(crate) mod released;
mod schemas;
mod terraform;
mod topics;

pub(crate) use self::files::{Staleness, derived, project_root, stale, superfluous};
pub(crate) use self::manifest::Manifest;
