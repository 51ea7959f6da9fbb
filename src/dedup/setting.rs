//! The choice of a store by the settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{DedupStore, MemoryStore, StoreError};
#[cfg(feature = "firestore")]
use super::{FirestoreDatabase, FirestoreStore};
#[cfg(feature = "redis")]
use super::{RedisAddress, RedisStore};

/// The store that `PUSHGATE_STORE` names.
#[derive(Clone)]
pub(crate) enum StoreSetting {
    /// The memory of this process.
    Memory,
    #[cfg(feature = "firestore")]
    Firestore {
        /// The database and its collection.
        database: FirestoreDatabase,
        /// The `HOST:PORT` of `FIRESTORE_EMULATOR_HOST`.
        emulator: Option<String>,
    },
    #[cfg(feature = "redis")]
    /// One Redis, a Sentinel or a cluster.
    Redis(RedisAddress),
}

impl StoreSetting {
    /// Opens the store. `timeout` limits each call of a remote store.
    ///
    /// # Errors
    /// If the address is invalid.
    pub(crate) fn open(
        &self,
        #[cfg_attr(
            not(any(feature = "firestore", feature = "redis")),
            expect(unused_variables, reason = "only a remote store has calls to limit")
        )]
        timeout: Duration,
    ) -> Result<Arc<dyn DedupStore>, StoreError> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::default()),
            #[cfg(feature = "firestore")]
            Self::Firestore { database, emulator } => {
                Arc::new(FirestoreStore::new(database, emulator.as_deref(), timeout)?)
            }
            #[cfg(feature = "redis")]
            Self::Redis(address) => Arc::new(RedisStore::new(address, timeout)?),
        })
    }
}

impl fmt::Display for StoreSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            #[cfg(feature = "firestore")]
            Self::Firestore { database, .. } => write!(f, "firestore://{database}"),
            #[cfg(feature = "redis")]
            Self::Redis(address) => write!(f, "{address}"),
        }
    }
}

impl fmt::Debug for StoreSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
