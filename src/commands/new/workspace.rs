//! The workspace of a new service: the one around its folder, or one of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::NewError;

/// The workspace of a service.
pub(super) struct Workspace {
    pub(super) root: PathBuf,
    /// True if the service's own folder is the workspace.
    pub(super) is_new: bool,
    /// The service's folder from the root, with a slash; empty if it is the root.
    pub(super) folder: String,
}

impl Workspace {
    /// Returns the nearest workspace around the folder, or a new one in it.
    pub(super) fn around(folder: &Path) -> Result<Self, NewError> {
        for root in folder.ancestors().skip(1) {
            let manifest = manifest(root)?;
            if manifest.is_some_and(|manifest| manifest.contains_key("workspace")) {
                let inside = folder.strip_prefix(root).unwrap_or(folder);
                return Ok(Self {
                    root: root.to_owned(),
                    is_new: false,
                    folder: format!("{}/", inside.display()),
                });
            }
        }
        Ok(Self {
            root: folder.to_owned(),
            is_new: true,
            folder: String::new(),
        })
    }
}

/// Has Cargo make an empty package, and add it to the workspace around it.
pub(super) fn init(folder: &Path, cargo: &str) -> Result<(), NewError> {
    let output = Command::new(cargo)
        .args(["init", "--quiet", "--lib", "--vcs", "none"])
        .arg(folder)
        .output()
        .map_err(NewError::NoCargo)?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let text = String::from_utf8_lossy(&output.stderr);
            Err(NewError::Cargo(text.trim().to_owned()))
        }
    }
}

/// Returns the `Cargo.toml` of a folder, or `None` without one.
pub(super) fn manifest(folder: &Path) -> Result<Option<toml::Table>, NewError> {
    let path = folder.join("Cargo.toml");
    match fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text)
            .map(Some)
            .map_err(|error| NewError::Manifest(path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(NewError::File(path, error)),
    }
}
