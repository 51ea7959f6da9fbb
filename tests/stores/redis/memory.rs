//! The memory that Redis needs for a recorded message.

use std::sync::Arc;
use std::time::Duration;

use pushgate::dedup::{MessageKey, Ticket};
use tokio::task::JoinSet;

use crate::harness::redis_server::RedisServer;

const MESSAGES: u64 = 20_000;

/// Prints the figure of the README: `cargo nextest run … -E 'test(remembered_message)' --no-capture`.
#[expect(clippy::print_stdout, reason = "the figure is what is wanted")]
#[tokio::test]
#[ignore = "needs redis-server (./test installs it)"]
async fn a_remembered_message_takes_a_few_hundred_bytes() {
    let server = RedisServer::with(&[]).await;
    let store = server.store();
    let used = || server.info("used_memory").parse::<u64>().expect("bytes");
    store.ping().await.expect("an answer");
    let before = used();
    let mut workers = JoinSet::new();
    for worker in 0..50 {
        let store = Arc::clone(&store);
        workers.spawn(async move {
            for number in (worker..MESSAGES).step_by(50) {
                let key = MessageKey {
                    subscription: "projects/my-project/subscriptions/orders-fulfilment".into(),
                    epoch: 0,
                    id: (1_234_567_890_000_000 + number).to_string(),
                };
                let window = Duration::from_secs(7 * 24 * 3600);
                let ticket = Ticket::new(key, Duration::from_secs(10), window);
                store.claim(&ticket).await.expect("claimed");
                store.finish(&ticket).await.expect("finished");
            }
        });
    }
    workers.join_all().await;
    let bytes = (used() - before) / MESSAGES;
    println!("{bytes} bytes for each of {MESSAGES} remembered messages");
    assert_eq!(server.call(&["dbsize"]), MESSAGES.to_string());
    assert!((100..500).contains(&bytes), "{bytes}");
}
