//! The errors of folders that cannot be used.

use std::fs;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::{Change, Folder, Journal, JournalError, Saved, ack_state, message, put};

#[tokio::test]
async fn a_missing_folder_is_made() {
    let folder = Folder::new("missing");
    let (journal, saved) = folder.open();
    assert!(saved.resources.is_empty());
    assert!(saved.messages.is_empty());
    assert!(saved.ack_states.is_empty());
    journal.close().await.unwrap();
}

#[tokio::test]
async fn what_was_written_comes_back() {
    let folder = Folder::new("written");
    let (journal, _) = folder.open();
    journal.write(vec![put("orders")]).durable().await.unwrap();
    journal.close().await.unwrap();
    assert_eq!(folder.open().1.resources[0].name, "orders");
}

#[tokio::test]
async fn a_second_emulator_cannot_open_the_folder() {
    let folder = Folder::new("second");
    let (journal, _) = folder.open();
    let error = Journal::open(folder.path()).err().unwrap();
    assert!(matches!(error, JournalError::InUse { .. }));
    assert!(error.to_string().contains(folder.path().to_str().unwrap()));
    journal.close().await.unwrap();
    assert!(Journal::open(folder.path()).is_ok());
}

/// Opens the folder as soon as the dropped journal has freed it.
async fn reopen(folder: &Folder) -> Saved {
    loop {
        match Journal::open(folder.path()) {
            Ok((_, saved)) => return saved,
            Err(error) => assert!(matches!(error, JournalError::InUse { .. })),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_dropped_journal_frees_the_folder() {
    let folder = Folder::new("freed");
    let (journal, _) = folder.open();
    drop(journal);
    reopen(&folder).await;
}

#[tokio::test]
async fn a_dropped_journal_writes_what_waits() {
    let folder = Folder::new("dropped");
    let (journal, _) = folder.open();
    let receipt = journal.write(vec![put("orders")]);
    drop(journal);
    receipt.durable().await.unwrap();
    assert_eq!(reopen(&folder).await.resources.len(), 1);
}

#[tokio::test]
async fn writing_to_a_closed_journal_fails() {
    let folder = Folder::new("closed");
    let (journal, _) = folder.open();
    journal.close().await.unwrap();
    let late = journal.write(vec![put("orders")]).durable().await;
    assert!(matches!(late, Err(JournalError::Closed)));
    journal.room().await;
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_receipt_for_nothing_stands_for_all_before_it() {
    let folder = Folder::new("nothing");
    let (journal, _) = folder.open();
    for sequence in 0..100 {
        journal.write(vec![message(sequence), ack_state("billing", sequence)]);
    }
    journal.write(Vec::new()).durable().await.unwrap();
    journal.close().await.unwrap();
    let (_, saved) = folder.open();
    assert_eq!(saved.messages.len(), 100);
    assert_eq!(saved.ack_states["billing"].len(), 100);
}

#[test]
fn a_file_in_the_place_of_the_folder_is_rejected() {
    let folder = Folder::new("file");
    fs::write(folder.path(), "").unwrap();
    let error = Journal::open(folder.path()).err().unwrap();
    assert!(matches!(error, JournalError::Folder { .. }));
    fs::remove_file(folder.path()).unwrap();
}

#[tokio::test]
async fn a_file_of_another_version_is_rejected() {
    let folder = Folder::new("version");
    folder.open().0.close().await.unwrap();
    let database = redb::Database::create(folder.file()).unwrap();
    let format = redb::TableDefinition::<&str, u32>::new("format");
    let transaction = database.begin_write().unwrap();
    let mut table = transaction.open_table(format).unwrap();
    table.insert("version", 2).unwrap();
    drop(table);
    transaction.commit().unwrap();
    drop(database);
    let error = Journal::open(folder.path()).err().unwrap();
    assert!(matches!(
        error,
        JournalError::Version {
            found: 2,
            expected: 1,
            ..
        }
    ));
}

#[test]
fn a_database_of_somebody_else_is_rejected() {
    let folder = Folder::new("foreign");
    fs::create_dir_all(folder.path()).unwrap();
    drop(redb::Database::create(folder.file()).unwrap());
    let error = Journal::open(folder.path()).err().unwrap();
    assert!(matches!(error, JournalError::Damaged { .. }));
}

#[test]
fn any_other_file_is_rejected() {
    let folder = Folder::new("text");
    fs::create_dir_all(folder.path()).unwrap();
    for text in ["", "name: value\n", &"x".repeat(100_000)] {
        fs::write(folder.file(), text).unwrap();
        let error = Journal::open(folder.path()).err().unwrap();
        assert!(matches!(error, JournalError::Damaged { .. }));
    }
}

#[tokio::test]
async fn a_file_that_was_never_laid_out_is_made_anew() {
    let folder = Folder::new("leftover");
    fs::create_dir_all(folder.path()).unwrap();
    fs::write(folder.path().join("journal.redb.new"), "half a file").unwrap();
    folder.open().0.close().await.unwrap();
}

/// Damage is reported, or is in an unused part of the file. It never causes a panic or another content.
#[tokio::test]
async fn a_damaged_file_is_rejected_or_whole() {
    let folder = Folder::new("damaged");
    let (journal, _) = folder.open();
    let changes = (0..200).flat_map(|sequence| [message(sequence), ack_state("billing", sequence)]);
    let changes: Vec<Change> = changes.chain([put("orders")]).collect();
    journal.write(changes).durable().await.unwrap();
    journal.close().await.unwrap();
    let (journal, whole) = folder.open();
    journal.close().await.unwrap();
    let bytes = fs::read(folder.file()).unwrap();
    let mut random = SmallRng::seed_from_u64(7);
    let mut rejected = 0;
    for _ in 0..100 {
        let mut damaged = bytes.clone();
        if random.random_ratio(1, 5) {
            damaged.truncate(random.random_range(0..bytes.len()));
        }
        let place = random.random_range(0..damaged.len().max(1));
        if let Some(byte) = damaged.get_mut(place) {
            *byte ^= random.random_range(1..=255);
        }
        fs::write(folder.file(), damaged).unwrap();
        match Journal::open(folder.path()) {
            Ok((journal, saved)) => {
                assert_eq!(saved, whole);
                journal.close().await.unwrap();
            }
            Err(error) => {
                assert!(matches!(error, JournalError::Damaged { .. }), "{error:?}");
                rejected += 1;
            }
        }
    }
    assert!(rejected > 30, "{rejected} of 100 were rejected");
}
