//! The bucket that documents are uploaded to, mounted as a folder (Cloud Run can mount buckets), or memory for laptops.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pushgate::Environment;

/// In memory, the last few are enough.
const KEPT_IN_MEMORY: usize = 10_000;

/// Documents, and the fingerprints found so far.
pub(crate) struct Bucket {
    documents: Documents,
    fingerprints: Mutex<BTreeMap<(String, String), Vec<u64>>>,
}

enum Documents {
    Folder(PathBuf),
    InMemory(BTreeMap<&'static str, &'static str>),
}

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BucketError {
    #[error("the bucket has no such object")]
    Gone,
    #[error("the object's name leads out of the bucket")]
    NotAName,
    #[error("the bucket cannot be read")]
    Unreadable(#[source] io::Error),
}

impl Bucket {
    /// The folder `UPLOADS_DIR`, or a document in memory if that is unset.
    pub(crate) async fn open(environment: Environment) -> io::Result<Self> {
        let Some(folder) = environment.get("UPLOADS_DIR") else {
            return Ok(Self::in_memory());
        };
        let folder = tokio::fs::canonicalize(folder).await?;
        Ok(Self {
            documents: Documents::Folder(folder),
            fingerprints: Mutex::default(),
        })
    }

    pub(crate) fn in_memory() -> Self {
        let hello = (
            "letters/hello.txt",
            "Hello! Two teapots, please, and a kayak if there is one.\n",
        );
        Self {
            documents: Documents::InMemory(BTreeMap::from([hello])),
            fingerprints: Mutex::default(),
        }
    }

    pub(crate) fn read(&self, name: &str) -> Result<String, BucketError> {
        if !Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        {
            return Err(BucketError::NotAName);
        }
        match &self.documents {
            Documents::InMemory(documents) => documents
                .get(name)
                .map(|text| (*text).to_owned())
                .ok_or(BucketError::Gone),
            Documents::Folder(folder) => match std::fs::read(folder.join(name)) {
                Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BucketError::Gone),
                Err(error) => Err(BucketError::Unreadable(error)),
            },
        }
    }

    pub(crate) fn keep_fingerprint(&self, name: &str, generation: &str, fingerprint: Vec<u64>) {
        let mut fingerprints = self
            .fingerprints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        fingerprints.insert((name.to_owned(), generation.to_owned()), fingerprint);
        if fingerprints.len() > KEPT_IN_MEMORY {
            fingerprints.pop_first();
        }
    }

    #[cfg(test)]
    pub(crate) fn has_fingerprint(&self, name: &str) -> bool {
        self.fingerprints
            .lock()
            .expect("fingerprints")
            .keys()
            .any(|(known, _)| known == name)
    }
}
