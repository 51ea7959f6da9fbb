//! A claimed message in its handler's hands: run with its lease kept, and settled by how the run ended.

pub(crate) mod admission;
pub(crate) mod attempt;
pub(crate) mod claim;
pub(crate) mod dead_letter;
pub(crate) mod drain;
pub(crate) mod envelope;
pub(crate) mod lease;
pub(crate) mod pools;
pub(crate) mod registered;
pub(crate) mod retries;
pub(crate) mod run;
pub(crate) mod settle;
pub(crate) mod settlement;

use std::sync::Arc;

use crate::breaker::Permit;
use crate::delivery::admission::Place;
use crate::delivery::attempt::Attempt;
use crate::delivery::dead_letter::DeadLetters;
use crate::delivery::drain::Drain;
use crate::delivery::lease::LeaseKeeper;
use crate::delivery::pools::{Job, Pools};
use crate::delivery::retries::run_as_declared;
use crate::delivery::run::{End, Run, end};
use crate::delivery::settle::settle;
use crate::delivery::settlement::Settlement;
use crate::handler::outcome::Outcome;

/// What every handling needs.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) drain: Drain,
    pub(crate) pools: Arc<Pools>,
    pub(crate) dead_letters: DeadLetters,
}

impl Means {
    /// Runs the handler, its lease kept, and settles by how it ended. A handler that cannot be stopped keeps its claim and
    /// its places until it ends, so that no second run begins beside it.
    pub(crate) async fn handle(&self, mut attempt: Attempt, places: [Place; 3]) -> Settlement {
        let lease = LeaseKeeper::keep(&attempt);
        if let Some(reason) = attempt.doom.take() {
            drop(attempt.pass.take());
            let end = End::Doomed(reason);
            return settle(&attempt, end, lease, &self.dead_letters, &self.drain).await;
        }
        let pass = attempt.pass.take();
        match run_as_declared(&attempt, &self.pools, &self.drain).await {
            Run::Ended(end) => {
                tell(pass, &end);
                settle(&attempt, end, lease, &self.dead_letters, &self.drain).await
            }
            Run::GoesOn(job) => {
                tell(pass, &End::TimedOut);
                let limit = attempt.subscriber.limits.hard;
                log(
                    &attempt,
                    &format!(
                        "a handler does not stop at its hard limit of {limit:?}: it must look at Context::is_stopping, or await"
                    ),
                );
                let means = self.clone();
                self.drain.pushes.spawn(async move {
                    means.outlast(job, &attempt, lease).await;
                    drop(places);
                });
                Settlement::StillRunning { limit }
            }
        }
    }

    /// Waits for a handler that nothing stops. If the process goes first, the claim is not released, since the handler may
    /// be at work to the last; it lapses by itself.
    async fn outlast(&self, job: Job, attempt: &Attempt, lease: LeaseKeeper) {
        let end = tokio::select! {
            said = job.task => end(said, End::TimedOut),
            () = self.drain.last_call.cancelled() => return log(attempt, "leaving while a handler goes on"),
        };
        let settlement = settle(attempt, end, lease, &self.dead_letters, &self.drain).await;
        log(
            attempt,
            &format!("a handler has ended after its hard limit: {settlement:?}"),
        );
    }
}

/// What a run says about whatever its handler depends on. A panic, or a payload that does not fit, says nothing.
fn tell(pass: Option<Permit>, end: &End) {
    match (pass, end) {
        (Some(pass), End::Said(Outcome::Retry { reason })) => pass.fail(reason),
        (Some(pass), End::TimedOut) => pass.fail("the handler passed its hard limit"),
        (Some(pass), End::Said(_)) => pass.succeed(),
        (Some(_) | None, _) => {}
    }
}

fn log(attempt: &Attempt, what: &str) {
    tracing::error!(subscription = %attempt.subscriber.name, message_id = attempt.message_id(), "{what}");
}
