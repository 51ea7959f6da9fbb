//! A disk that fills up.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};

use super::{Folder, Journal, JournalError, put};
use crate::journal::file::JournalFile;
use crate::journal::tables;

/// A disk that can be full.
#[derive(Debug, Default)]
struct Disk {
    memory: InMemoryBackend,
    is_full: Arc<AtomicBool>,
}

impl Disk {
    fn check(&self) -> Result<(), Error> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.check()?;
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.check()?;
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.check()?;
        self.memory.write(offset, data)
    }
}

fn journal(folder: &Folder, is_full: &Arc<AtomicBool>) -> Journal {
    let disk = Disk {
        memory: InMemoryBackend::new(),
        is_full: Arc::clone(is_full),
    };
    let database = Database::builder().create_with_backend(disk).unwrap();
    tables::create(&database).unwrap();
    std::fs::create_dir_all(folder.path()).unwrap();
    let lock = File::create(folder.path().join("lock")).unwrap();
    let (file, _) = JournalFile::read(database, PathBuf::from("/data/journal.redb"), lock).unwrap();
    Journal::start(file).unwrap()
}

/// Fills the disk after one write, and returns the error of the next write.
async fn lose_a_write(journal: &Journal, is_full: &AtomicBool) -> JournalError {
    journal.write(vec![put("orders")]).durable().await.unwrap();
    assert!(journal.failure().is_none());
    is_full.store(true, Ordering::SeqCst);
    let lost = journal.write(vec![put("invoices")]).durable().await;
    lost.unwrap_err()
}

#[tokio::test]
async fn a_full_disk_fails_a_write() {
    let folder = Folder::new("full");
    let is_full = Arc::default();
    let journal = journal(&folder, &is_full);
    let lost = lose_a_write(&journal, &is_full).await;
    assert!(matches!(lost, JournalError::Write { .. }));
    assert!(lost.to_string().contains("/data/journal.redb"));
    assert_eq!(journal.failed().await.to_string(), lost.to_string());
}

#[tokio::test]
async fn after_a_full_disk_every_write_fails() {
    let folder = Folder::new("after-full");
    let is_full = Arc::default();
    let journal = journal(&folder, &is_full);
    lose_a_write(&journal, &is_full).await;
    is_full.store(false, Ordering::SeqCst);
    let later = journal.write(vec![put("archive")]).durable().await;
    assert!(matches!(later, Err(JournalError::Write { .. })));
    assert!(journal.failure().is_some());
    journal.room().await;
    assert!(journal.close().await.is_err());
}
