//! Folders that cannot be read as they were written.

use emulator::{Emulator, StartError};

use super::{Folder, publish, subscribed, unacked};
use crate::harness::SUBSCRIPTION;

/// An emulator that cannot read the content of a folder must not change it, for one that can.
#[tokio::test]
async fn an_unreadable_folder_loses_nothing() {
    let folder = Folder::new("strange");
    let emulator = folder.start().await;
    subscribed(&emulator, |_| {});
    publish(&emulator, "hi");
    emulator.stop().await;
    let table = redb::TableDefinition::<(u8, &str), &[u8]>::new("resources");
    // An invalid topic, after everything else.
    let strange = (5, "projects/shop/topics/strange");
    let change = |value: Option<&[u8]>| {
        let database = redb::Database::open(folder.path().join("journal.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut resources = transaction.open_table(table).unwrap();
        match value {
            Some(value) => drop(resources.insert(strange, value).unwrap()),
            None => drop(resources.remove(strange).unwrap()),
        }
        drop(resources);
        transaction.commit().unwrap();
    };
    change(Some(b"\xff"));
    loop {
        match Emulator::start_with(folder.options()).err().unwrap() {
            StartError::Restore(error) => {
                assert!(error.to_string().contains("topics/strange"), "{error}");
                break;
            }
            error => assert!(error.is_transient(), "{error:?}"),
        }
    }
    // The journal of the failed start has ended before the folder is opened again.
    while let Err(error) = Emulator::start_with(folder.options()) {
        if matches!(error, StartError::Restore(_)) {
            break;
        }
    }
    let lock = std::fs::File::open(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    change(None);
    drop(lock);
    let emulator = folder.start().await;
    assert_eq!(unacked(&emulator, SUBSCRIPTION), ["hi"]);
}

#[tokio::test]
async fn a_hold_whose_message_is_lost_is_removed() {
    let folder = Folder::new("lost");
    let emulator = folder.start().await;
    subscribed(&emulator, |_| {});
    publish(&emulator, "hi");
    emulator.stop().await;
    let holds = redb::TableDefinition::<(u32, u64), u32>::new("holds");
    let messages = redb::TableDefinition::<u64, (&str, &[u8])>::new("messages");
    let open = || redb::Database::open(folder.path().join("journal.redb")).unwrap();
    let database = open();
    let transaction = database.begin_write().unwrap();
    let mut table = transaction.open_table(messages).unwrap();
    table.retain(|_, _| false).unwrap();
    drop(table);
    transaction.commit().unwrap();
    drop(database);
    let emulator = folder.start().await;
    assert_eq!(unacked(&emulator, SUBSCRIPTION), [""; 0]);
    emulator.stop().await;
    let transaction = redb::ReadableDatabase::begin_read(&open()).unwrap();
    let table = transaction.open_table(holds).unwrap();
    assert!(redb::ReadableTableMetadata::is_empty(&table).unwrap());
}
