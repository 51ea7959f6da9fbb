//! Every derived file. For now only what asks for them is here.

use std::path::{Path, PathBuf};

use crate::subscriber::Subscriber;

/// Why files cannot be derived.
#[derive(Debug, thiserror::Error)]
#[error("cannot derive files")]
pub(crate) struct DeriveError;

/// A file that is not as it should be.
pub(crate) struct Stale {
    pub(crate) path: PathBuf,
    pub(crate) kind: Staleness,
}

/// In what way.
#[expect(dead_code, reason = "made once files are derived")]
pub(crate) enum Staleness {
    Missing,
    Differs { line: usize },
    Superfluous,
}

/// Those that are missing, differ, or should not be there.
#[expect(
    clippy::unnecessary_wraps,
    reason = "files that are derived can be unreadable"
)]
pub(crate) fn stale(_subscribers: &[Subscriber], _root: &Path) -> Result<Vec<Stale>, DeriveError> {
    Ok(Vec::new())
}
