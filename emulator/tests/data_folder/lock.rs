//! The lock of a folder.

use emulator::Emulator;

use super::{End, Folder, publish, subscribed, unacked};
use crate::harness::SUBSCRIPTION;

#[tokio::test]
async fn two_emulators_do_not_share_a_folder() {
    let folder = Folder::new("shared");
    let emulator = folder.start().await;
    let Err(error) = Emulator::start_with(folder.options()) else {
        panic!("two emulators in one folder");
    };
    assert!(error.is_transient());
    let cause = error.to_string();
    let text = format!("another emulator uses the data folder {:?}", folder.path());
    assert!(cause.starts_with(&text), "{cause}");
    emulator.stop().await;
    assert!(Emulator::start_with(folder.options()).is_ok());
}

/// Handles of a dropped emulator do not work, and do not lock its folder.
#[tokio::test]
async fn a_dropped_emulator_frees_its_folder_despite_handles() {
    let folder = Folder::new("handles");
    let emulator = folder.start().await;
    let handle = subscribed(&emulator, |_| {});
    publish(&emulator, "hi");
    let emulator = folder.restart(emulator, End::Dropped).await;
    assert_eq!(unacked(&emulator, SUBSCRIPTION), ["hi"]);
    drop(handle);
    let emulator = folder.restart(emulator, End::Dropped).await;
    assert_eq!(unacked(&emulator, SUBSCRIPTION), ["hi"]);
}
