//! Concurrent deliveries of one message.

use std::sync::Arc;

use tokio::task::JoinSet;
use uuid::Uuid;

use super::{DONE, Pair, SHORT, claim, finish, release, renew, rival, ticket_for, until};
use crate::dedup::{Claim, Record, StepResult, Ticket};

/// Checks that of many concurrent deliveries of one message, at two instances, exactly one is granted. After its lease has expired
/// exactly one takes over, and the late owner cannot settle.
pub async fn races(stores: Pair, rounds: u32) {
    let [one, other] = &stores;
    for round in 0..rounds {
        let contested = ticket_for(&format!("race {round} {}", Uuid::new_v4()));
        let (granted, rejected) = race(&stores, &contested, 1).await;
        assert_eq!(granted.len(), 1, "round {round}: one of 32 is granted");
        assert_eq!(rejected, 31, "round {round}");
        let late = &Ticket {
            lease: SHORT,
            ..granted.first().expect("one was granted").clone()
        };
        // Shortened only now: on a busy machine the lease might expire during the race.
        assert_eq!(renew(one, late).await, StepResult::Done, "round {round}");
        until(one, late, Record::Expired).await;
        let (granted, _) = race(&stores, &contested, 2).await;
        assert_eq!(granted.len(), 1, "round {round}: one of 32 takes over");
        let holder = granted.first().expect("one was granted");
        let (late_finish, late_release, holders_finish) = tokio::join!(
            finish(one, late),
            release(other, late),
            finish(other, holder)
        );
        assert_eq!(late_finish, StepResult::ClaimLost, "round {round}");
        assert_eq!(late_release, StepResult::ClaimLost, "round {round}");
        assert_eq!(holders_finish, StepResult::Done, "round {round}");
        assert_eq!(claim(one, &rival(&contested)).await, DONE, "round {round}");
    }
}

/// Claims a message with 32 tickets at once. Returns the granted ones, each with this claim number, and the number of the others.
async fn race(stores: &Pair, contested: &Ticket, number: u32) -> (Vec<Ticket>, usize) {
    let mut rivals = JoinSet::new();
    for store in stores.iter().cycle().take(32) {
        let (store, ticket) = (Arc::clone(store), rival(contested));
        rivals.spawn(async move { (claim(&store, &ticket).await, ticket) });
    }
    let (mut granted, mut rejected) = (Vec::new(), 0);
    for (answer, ticket) in rivals.join_all().await {
        match answer {
            Claim::Granted { number: found, .. } => {
                assert_eq!(found, number);
                granted.push(ticket);
            }
            Claim::InProgress => rejected += 1,
            Claim::Done(_) => panic!("no ticket has finished"),
        }
    }
    (granted, rejected)
}
