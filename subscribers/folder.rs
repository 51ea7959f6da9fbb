//! Files by name, in a folder, or in memory for laptops.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pushgate::Environment;
use uuid::Uuid;

/// The number of files that are kept in memory.
const KEPT_IN_MEMORY: usize = 1000;

/// Files by name.
pub(crate) enum Folder {
    OnDisk(PathBuf),
    InMemory(Mutex<VecDeque<(String, Vec<u8>)>>),
}

impl Folder {
    /// Opens the folder that this variable names, and creates it if it is missing. If the variable is unset, the files are in memory.
    pub(crate) async fn open(environment: &Environment, variable: &str) -> io::Result<Self> {
        let Some(path) = environment.get(variable) else {
            return Ok(Self::in_memory());
        };
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("{variable} is {path:?}: {error}"))
        };
        tokio::fs::create_dir_all(path).await.map_err(named)?;
        Ok(Self::OnDisk(path.into()))
    }

    pub(crate) fn in_memory() -> Self {
        Self::InMemory(Mutex::default())
    }

    /// Returns true if a file may have this name. A name that leads out of the folder is rejected.
    pub(crate) fn is_name(name: &str) -> bool {
        let parts = || Path::new(name).components();
        name.len() <= 200
            && parts().count() > 0
            && parts().all(|part| matches!(part, Component::Normal(_)))
    }

    /// Writes a file completely or not at all, and replaces one of the same name. After the return a crash loses nothing.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::OnDisk(folder) => {
                // A random name, since two runs may write the same file.
                let draft = folder.join(format!(".{}", Uuid::new_v4()));
                let mut file = File::create(&draft)?;
                file.write_all(bytes)?;
                file.sync_all()?;
                fs::rename(draft, folder.join(name))
            }
            Self::InMemory(files) => {
                let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
                files.retain(|(known, _)| known != name);
                files.push_back((name.to_owned(), bytes.to_owned()));
                if files.len() > KEPT_IN_MEMORY {
                    files.pop_front();
                }
                Ok(())
            }
        }
    }

    /// Reads the first `limit` bytes of a file.
    pub(crate) fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        match self {
            Self::OnDisk(folder) => {
                let mut bytes = Vec::new();
                File::open(folder.join(name))?
                    .take(limit)
                    .read_to_end(&mut bytes)?;
                Ok(bytes)
            }
            Self::InMemory(files) => {
                let files = files.lock().unwrap_or_else(PoisonError::into_inner);
                let file = files.iter().find(|(known, _)| known == name);
                file.map(|(_, bytes)| bytes.clone())
                    .ok_or_else(|| io::ErrorKind::NotFound.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in ["a", "a/b.txt", "7.txt"] {
            assert!(Folder::is_name(name), "{name}");
        }
        for name in [
            "",
            "..",
            "../a",
            "a/../../b",
            "/etc/passwd",
            &"x".repeat(201),
        ] {
            assert!(!Folder::is_name(name), "{name}");
        }
    }

    #[test]
    fn a_file_is_replaced_and_the_oldest_makes_room() -> io::Result<()> {
        let folder = Folder::in_memory();
        for name in 0..=KEPT_IN_MEMORY {
            folder.put(&name.to_string(), b"first")?;
            folder.put(&name.to_string(), b"second")?;
        }
        assert!(folder.read("0", 10).is_err());
        assert_eq!(folder.read("1", 10)?, b"second");
        Ok(())
    }
}
