//! The size of the file.

use std::fs;

use super::{Change, Folder, ack_state, forget_ack_state, message};

/// The number of messages that are published before the oldest is acked.
const BACKLOG: u64 = 1_000;

fn publish(sequence: u64) -> [Change; 2] {
    [
        message(sequence),
        ack_state("projects/shop/subscriptions/billing", sequence),
    ]
}

fn ack(sequence: u64) -> [Change; 2] {
    let released = forget_ack_state("projects/shop/subscriptions/billing", sequence);
    [released, Change::ForgetMessage { sequence }]
}

#[tokio::test]
async fn the_file_does_not_grow_with_what_was_forgotten() {
    check_growth(10_000).await;
}

/// `cargo test --release -p pushgate-emulator --lib journal::tests::growth -- --include-ignored --nocapture`
#[tokio::test]
#[ignore = "a measurement, for release builds"]
async fn the_file_does_not_grow_in_a_long_life() {
    check_growth(200_000).await;
}

/// Checks the size with a backlog of a thousand messages of 1 KiB.
async fn check_growth(cycles: u64) {
    let folder = Folder::new(&format!("growth-{cycles}"));
    let (journal, _) = folder.open();
    let length = || fs::metadata(folder.file()).unwrap().len();
    let (mut early, mut largest) = (0, 0);
    for first in (0..cycles).step_by(100) {
        let published = (first..first + 100).flat_map(publish);
        journal.write(published.collect()).durable().await.unwrap();
        let old = first.saturating_sub(BACKLOG)..(first + 100).saturating_sub(BACKLOG);
        let acked = old.flat_map(ack).collect();
        journal.write(acked).durable().await.unwrap();
        largest = largest.max(length());
        if first == 3 * BACKLOG {
            early = largest;
        }
    }
    journal.close().await.unwrap();
    let closed = length();
    eprintln!("{cycles} cycles: {early} bytes at first, {largest} at most, {closed} when closed");
    assert!(largest <= early * 3 / 2, "{early} bytes became {largest}");
    assert!(largest < 16 * 1024 * 1024, "{largest} bytes");
}

#[tokio::test]
async fn a_large_backlog_gives_its_space_back_at_the_next_start() {
    let folder = Folder::new("backlog");
    let (journal, _) = folder.open();
    let published = (0..20_000).flat_map(publish);
    journal.write(published.collect()).durable().await.unwrap();
    let full = fs::metadata(folder.file()).unwrap().len();
    let acked = (0..19_990).flat_map(ack);
    journal.write(acked.collect()).durable().await.unwrap();
    journal.close().await.unwrap();
    let (journal, saved) = folder.open();
    assert_eq!(saved.messages.len(), 10);
    let compacted = fs::metadata(folder.file()).unwrap().len();
    eprintln!("{full} bytes with 20,000 messages, {compacted} with 10 after a restart");
    assert!(
        full > 20_000 * 1_024 && compacted < full / 10,
        "{full}, {compacted}"
    );
    journal.close().await.unwrap();
}
