//! `cargo test --release -p pushgate-emulator --lib journal::tests::speed -- --ignored --nocapture --test-threads 1`

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Change, Folder, Journal, ack_state, forget_ack_state, message};

const WRITERS: u64 = 64;

/// The messages per second that 64 tasks publish and ack, each waiting for both receipts.
async fn cycles(journal: &Arc<Journal>, each: u64, subscriptions: u64) -> (f64, f64) {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let journal = Arc::clone(journal);
        tasks.spawn(async move {
            for round in 0..each {
                let sequence = round * WRITERS + writer;
                let names =
                    (0..subscriptions).map(|each| format!("projects/shop/subscriptions/{each}"));
                let states = names.clone().map(|name| ack_state(&name, sequence));
                let changes = std::iter::once(message(sequence)).chain(states);
                journal.write(changes.collect()).durable().await.unwrap();
                let released = names.map(|name| forget_ack_state(&name, sequence));
                let changes = released.chain([Change::ForgetMessage { sequence }]);
                journal.write(changes.collect()).durable().await.unwrap();
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let rate = (each * WRITERS) as f64 / began.elapsed().as_secs_f64();
    (rate, rate * 2.0 * (1 + subscriptions) as f64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, for release builds"]
async fn group_commit_with_64_writers() {
    for subscriptions in [1, 5] {
        let folder = Folder::new("speed");
        let journal = Arc::new(folder.open().0);
        let (messages, changes) = cycles(&journal, 300, subscriptions).await;
        eprintln!(
            "{subscriptions} subscriptions: {messages:.0} messages/s, {changes:.0} changes/s"
        );
        journal.close().await.unwrap();
    }
}

/// The rate of one thread with a backlog of a thousand messages. It awaits no single write, like deliveries to endpoints.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, for release builds"]
async fn five_states_a_message_from_one_publisher() {
    let folder = Folder::new("stream");
    let journal = folder.open().0;
    let names: Vec<_> = (0..5)
        .map(|each| format!("projects/shop/subscriptions/{each}"))
        .collect();
    const MESSAGES: u64 = 200_000;
    let began = Instant::now();
    for sequence in 0..MESSAGES {
        journal.room().await;
        let states = names.iter().map(|name| ack_state(name, sequence));
        journal.write(std::iter::once(message(sequence)).chain(states).collect());
        let Some(sequence) = sequence.checked_sub(1_000) else {
            continue;
        };
        let released = names.iter().map(|name| forget_ack_state(name, sequence));
        journal.write(
            released
                .chain([Change::ForgetMessage { sequence }])
                .collect(),
        );
    }
    journal.write(Vec::new()).durable().await.unwrap();
    let rate = MESSAGES as f64 / began.elapsed().as_secs_f64();
    eprintln!("{rate:.0} messages/s, {:.0} changes/s", rate * 12.0);
    journal.close().await.unwrap();
}
