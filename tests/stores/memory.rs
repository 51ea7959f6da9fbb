//! The memory store keeps the contract, and its bound.

use std::sync::Arc;
use std::time::Duration;

use pushgate::dedup::{DedupStore, MemoryStore, contract};

const ROUNDS: u32 = 100;

fn memory() -> contract::Pair {
    let store: Arc<dyn DedupStore> = Arc::new(MemoryStore::default());
    [Arc::clone(&store), store]
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    contract::every_rule(memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_keeps_the_contract_in_races() {
    contract::races(memory(), ROUNDS).await;
}

#[tokio::test]
async fn a_full_memory_store_forgets_only_what_is_done() {
    use pushgate::dedup::{
        Claim, ClaimStore, Earlier, MessageKey, StoreError, Ticket, TicketStore,
    };
    let store = MemoryStore::new(2);
    let ticket = |id: &str, window| {
        let key = MessageKey {
            subscription: "projects/p/subscriptions/s".into(),
            epoch: 0,
            id: id.into(),
        };
        Ticket::new(key, Duration::from_secs(60), Duration::from_secs(window))
    };
    let (done, running) = (ticket("done", 60), ticket("running", 60));
    for ticket in [&done, &running] {
        assert_eq!(
            store.claim(ticket).await.expect("claimed"),
            Claim::Granted {
                number: 1,
                earlier: Earlier::Nothing
            }
        );
    }
    assert!(matches!(
        store.claim(&ticket("more", 60)).await,
        Err(StoreError::Full(2))
    ));
    assert!(store.finish(&done).await.is_ok());
    assert_eq!(
        store.claim(&ticket("more", 60)).await.expect("claimed"),
        Claim::Granted {
            number: 1,
            earlier: Earlier::Nothing
        }
    );
    assert_eq!(
        store.claim(&ticket("running", 60)).await.expect("answered"),
        Claim::InProgress
    );
}
