//! Errors of deriving files.

use std::path::PathBuf;

/// The reason why files cannot be derived: a declaration, or the files on disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeriveError {
    #[error(
        "subscriber {one:?} and subscriber {other:?} read different types that are both named {name:?}, but \
         {name}.json can hold only one schema: rename one by #[schemars(rename = \"…\")]"
    )]
    SameName {
        name: String,
        one: String,
        other: String,
    },
    #[error(
        "subscriber {subscriber:?} reads a type named {name:?}, which cannot name a file, expected letters, digits, _, . and -, not a . first: \
         give it another name by #[schemars(rename = \"…\")]"
    )]
    TypeName { name: String, subscriber: String },
    #[error("{}: {fault}", .path.display())]
    Markers { path: PathBuf, fault: String },
    #[error("cannot read {}", .path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot write {}", .path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "no Cargo.toml of the package{} from {} upwards: run it inside the workspace, or name the package's folder by --root",
        .name.map(|name| format!(" {name:?}")).unwrap_or_default(),
        .from.display()
    )]
    NoPackage {
        name: Option<&'static str>,
        from: PathBuf,
    },
    #[error("--root is {}, expected a folder with Cargo.toml", .found.display())]
    NotPackage { found: PathBuf },
    #[error("cannot use {section} of {}: {fault}", .path.display())]
    Settings {
        section: &'static str,
        path: PathBuf,
        fault: String,
    },
    #[error("cannot determine the current folder")]
    NoFolder(#[source] std::io::Error),
    #[error("cannot serialize {what}")]
    Serialize {
        what: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl DeriveError {
    /// Wraps an error of a serializer, which does not fail on valid declarations.
    pub(super) fn serialize<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        what: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Serialize {
            what,
            source: source.into(),
        }
    }
}
