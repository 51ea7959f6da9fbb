//! Which project a command is about.

use std::path::PathBuf;

use crate::generate::{DeriveError, project_root};

#[derive(clap::Args)]
pub(super) struct Root {
    /// The folder of the project, with m2m/ and Cargo.toml; by default this one, or the nearest one around it.
    #[arg(long, value_name = "PATH")]
    root: Option<PathBuf>,
}

impl Root {
    /// # Errors
    /// When there is no project.
    pub(super) fn find(&self) -> Result<PathBuf, DeriveError> {
        match &self.root {
            Some(root) if project_root(root)? == *root => Ok(root.clone()),
            Some(root) => Err(DeriveError::NotRoot {
                found: root.clone(),
            }),
            None => project_root(&std::env::current_dir().map_err(DeriveError::NoFolder)?),
        }
    }
}
