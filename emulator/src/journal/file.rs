//! The journal's file in its folder: created atomically, and open in one emulator at a time.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use redb::{Builder, Database};

use super::batch::Written;
use super::change::{Change, Saved};
use super::error::JournalError;
use super::tables::{self, Contents, VERSION};

const FILE: &str = "journal.redb";
/// The name of a file without a layout so far. A leftover one was never used.
const NEW_FILE: &str = "journal.redb.new";
const LOCK_FILE: &str = "lock";
/// The cache of the database. The emulator has everything in memory, so one batch is enough.
const CACHE_BYTES: usize = 64 * 1024 * 1024;
/// A larger file is compacted when it is opened, if most of it is free.
const SMALL_BYTES: u64 = 16 * 1024 * 1024;

/// An open file and the writer's knowledge of it.
pub(super) struct JournalFile {
    database: Database,
    path: PathBuf,
    written: Written,
    /// The lock, kept while the database is open.
    _lock: File,
}

impl JournalFile {
    /// Opens the file of a folder and reads it. A missing folder is created.
    pub(super) fn open(folder: &Path) -> Result<(Self, Saved), JournalError> {
        let lock = lock(folder)?;
        let path = folder.join(FILE);
        let exists = path.try_exists();
        if !exists.map_err(|error| JournalError::folder(folder, error))? {
            create(folder, &path)?;
        }
        let database = builder().open(&path);
        let database = database.map_err(|error| JournalError::opening(&path, error))?;
        Self::read(database, path, lock)
    }

    pub(super) fn read(
        mut database: Database,
        path: PathBuf,
        lock: File,
    ) -> Result<(Self, Saved), JournalError> {
        check_version(&database, &path)?;
        let damaged = |error| JournalError::opening(&path, error);
        compact(&mut database, &path).map_err(damaged)?;
        let Contents { saved, numbers } = tables::read(&database).map_err(damaged)?;
        let newest = saved.messages.last().map_or(0, |last| last.sequence);
        let last = saved.ack_states.values().filter_map(|states| states.last());
        let newest = last.fold(newest, |newest, (sequence, _)| newest.max(*sequence));
        let file = Self {
            database,
            path,
            written: Written::new(numbers, newest),
            _lock: lock,
        };
        Ok((file, saved))
    }

    /// Writes all changes or none. They are on the disk when this returns.
    pub(super) fn write(
        &mut self,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<(), JournalError> {
        let batch = self.written.gather(changes);
        if batch.is_empty() {
            return Ok(());
        }
        tables::write(&self.database, batch)
            .map_err(|error| JournalError::writing(&self.path, error))
    }

    pub(super) fn close(self) -> Result<(), JournalError> {
        let closed = self.database.close();
        closed.map_err(|error| JournalError::writing(&self.path, error.into()))
    }
}

/// Creates the folder if it is missing, and locks it against other emulators. The operating system unlocks it when the
/// process ends.
fn lock(folder: &Path) -> Result<File, JournalError> {
    let failed = |error| JournalError::folder(folder, error);
    fs::create_dir_all(folder).map_err(failed)?;
    let mut options = File::options();
    let options = options.create(true).truncate(false).write(true);
    let file = options.open(folder.join(LOCK_FILE)).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Creates an empty journal under a temporary name, since a crash must not leave a file that cannot be opened.
fn create(folder: &Path, path: &Path) -> Result<(), JournalError> {
    let failed = |error| JournalError::folder(folder, error);
    let new = folder.join(NEW_FILE);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let writing = |error| JournalError::writing(&new, error);
    let database = builder().create(&new);
    let database = database.map_err(|error| writing(error.into()))?;
    tables::create(&database).map_err(writing)?;
    database.close().map_err(|error| writing(error.into()))?;
    fs::rename(&new, path).map_err(failed)?;
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed)
}

/// Returns a builder that checks the whole file: it is read at start anyhow, and the database may panic over a damaged file
/// later.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder.set_check_integrity_on_open(true);
    builder
}

fn check_version(database: &Database, path: &Path) -> Result<(), JournalError> {
    let found = tables::version(database).map_err(|error| JournalError::opening(path, error))?;
    match found {
        Some(VERSION) => Ok(()),
        Some(found) => Err(JournalError::Version {
            file: path.to_owned(),
            found,
            expected: VERSION,
        }),
        None => {
            let foreign = redb::Error::Corrupted("it names no version".to_owned());
            Err(JournalError::opening(path, foreign))
        }
    }
}

/// Compacts the file. An earlier, larger backlog may have left free pages.
fn compact(database: &mut Database, path: &Path) -> Result<(), redb::Error> {
    let length = fs::metadata(path).map_or(0, |file| file.len());
    if length <= SMALL_BYTES {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    let stats = transaction.stats()?;
    let used = stats.allocated_pages() * u64::try_from(stats.page_size()).unwrap_or(u64::MAX);
    transaction.abort()?;
    if used < length / 2 {
        database.compact()?;
    }
    Ok(())
}
