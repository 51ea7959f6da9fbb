//! Where letters wait for the post: a folder, or memory for laptops.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pushgate::Environment;

/// In memory, the last few are enough.
const KEPT_IN_MEMORY: usize = 1000;

/// Letters by name.
pub(crate) enum Outbox {
    Folder(PathBuf),
    InMemory(Mutex<BTreeMap<String, String>>),
}

impl Outbox {
    /// The folder `OUTBOX_DIR`, or memory if that is unset.
    pub(crate) async fn open(environment: Environment) -> io::Result<Self> {
        let Some(folder) = environment.get("OUTBOX_DIR") else {
            return Ok(Self::in_memory());
        };
        tokio::fs::create_dir_all(folder).await?;
        Ok(Self::Folder(folder.into()))
    }

    pub(crate) fn in_memory() -> Self {
        Self::InMemory(Mutex::default())
    }

    /// Puts a letter there whole, or not at all; one of the same name is replaced.
    pub(crate) fn put(&self, name: &str, text: &str) -> io::Result<()> {
        match self {
            Self::Folder(folder) => {
                let draft = folder.join(format!(".{name}"));
                std::fs::write(&draft, text)?;
                std::fs::rename(draft, folder.join(name))
            }
            Self::InMemory(letters) => {
                let mut letters = letters.lock().unwrap_or_else(PoisonError::into_inner);
                letters.insert(name.to_owned(), text.to_owned());
                if letters.len() > KEPT_IN_MEMORY {
                    letters.pop_first();
                }
                Ok(())
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Folder(_) => Vec::new(),
            Self::InMemory(letters) => letters.lock().expect("letters").keys().cloned().collect(),
        }
    }
}
