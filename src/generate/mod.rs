//! Everything that is derived from the declarations, so that nothing is written twice.

pub(crate) mod asyncapi;
pub(crate) mod documents;
pub(crate) mod error;
pub(crate) mod files;
pub(crate) mod manifest;
pub(crate) mod monitoring;
pub(crate) mod paths;
pub(crate) mod project;
pub(crate) mod released;
pub(crate) mod schemas;
pub(crate) mod terraform;
pub(crate) mod topics;

pub(crate) use self::error::DeriveError;
pub(crate) use self::files::{Staleness, derived, stale, superfluous};
pub(crate) use self::manifest::Manifest;
pub(crate) use self::project::Project;
