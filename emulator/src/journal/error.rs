//! Errors of the data folder.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An error that keeps the journal from opening, or from recording further changes.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The data folder cannot be created, read or written.
    #[error("cannot use the data folder {folder:?} (--data-dir)")]
    Folder {
        /// The requested folder.
        folder: PathBuf,
        /// The error of the operating system.
        source: Arc<std::io::Error>,
    },
    /// Another emulator uses the folder, perhaps in the same process.
    #[error(
        "another emulator uses the data folder {folder:?}: stop it, or choose another folder (--data-dir)"
    )]
    InUse {
        /// The requested folder.
        folder: PathBuf,
    },
    /// The file has a format that this emulator does not know.
    #[error(
        "{file:?} has format {found}, expected {expected}: use the emulator that wrote it, or another folder (--data-dir)"
    )]
    Version {
        /// The file of the journal.
        file: PathBuf,
        /// The version of the file.
        found: u32,
        /// The only version that this emulator reads and writes.
        expected: u32,
    },
    /// The content of the file is damaged, or of another program.
    #[error(
        "{file:?} is damaged, or not written by an emulator: restore a copy, or remove it to start empty"
    )]
    Damaged {
        /// The file of the journal.
        file: PathBuf,
        /// The reason.
        source: Arc<redb::Error>,
    },
    /// The file cannot be read.
    #[error("cannot open {file:?}")]
    Open {
        /// The file of the journal.
        file: PathBuf,
        /// The error of the operating system.
        source: Arc<redb::Error>,
    },
    /// A change could not be written, as on a full disk. Later changes are not kept either.
    #[error("cannot write to {file:?}: later changes are lost when the emulator exits")]
    Write {
        /// The file of the journal.
        file: PathBuf,
        /// The error of the operating system.
        source: Arc<redb::Error>,
    },
    /// The writer thread cannot be started, or ended too early.
    #[error("the thread that writes the journal is not running")]
    NoWriter,
    /// The change followed the close of the journal.
    #[error("the journal is closed")]
    Closed,
}

impl JournalError {
    /// Returns true if the same call can succeed later: the other process may release the folder, or the disk may get
    /// space.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::InUse { .. } | Self::Folder { .. } | Self::Open { .. }
        )
    }

    pub(super) fn folder(folder: &Path, source: std::io::Error) -> Self {
        let folder = folder.to_owned();
        let source = Arc::new(source);
        Self::Folder { folder, source }
    }

    /// Distinguishes files with unexpected content from unreadable ones.
    pub(super) fn opening(file: &Path, source: impl Into<redb::Error>) -> Self {
        let source = source.into();
        let is_unreachable = match &source {
            redb::Error::Io(error) => !matches!(
                error.kind(),
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof
            ),
            _ => false,
        };
        let file = file.to_owned();
        let source = Arc::new(source);
        if is_unreachable {
            return Self::Open { file, source };
        }
        Self::Damaged { file, source }
    }

    pub(super) fn writing(file: &Path, source: redb::Error) -> Self {
        let file = file.to_owned();
        let source = Arc::new(source);
        Self::Write { file, source }
    }
}
