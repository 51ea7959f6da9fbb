//! One run of a handler: with its time limits, and its panics caught.

use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::{sleep_until, timeout};

use crate::delivery::attempt::Attempt;
use crate::delivery::dead_letter::Reason;
use crate::delivery::drain::Drain;
use crate::delivery::pools::{Job, Pools};
use crate::handler::message::PayloadError;
use crate::handler::outcome::Outcome;
use crate::handler::{DeliveryError, Said};

/// How long a stopped `async` handler gets to reach its next `.await`.
const ABORT_PATIENCE: Duration = Duration::from_millis(200);

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Said(Outcome),
    Unfit(PayloadError),
    /// Not begun: it is to be dead-lettered at once.
    Doomed(Reason),
    Panicked,
    /// The hard limit passed.
    TimedOut,
    /// The service left.
    Left,
    /// The handler was not called, for this reason.
    NotBegun(String),
}

/// A run, or one that has ended for its caller only: a thread cannot be stopped from outside, nor a task that never awaits.
pub(crate) enum Run {
    Ended(End),
    GoesOn(Job),
}

/// Runs the handler until it ends, its hard limit passes, or the service leaves.
pub(crate) async fn run(attempt: &Attempt, pools: &Pools, drain: &Drain) -> Run {
    let Attempt {
        subscriber,
        delivery,
        arrival,
        ..
    } = attempt;
    let stop = &delivery.context.stop;
    let (soft, hard) = (
        *arrival + subscriber.limits.soft,
        *arrival + subscriber.limits.hard,
    );
    let mut job = match begin(attempt, pools, drain).await {
        Ok(job) => job,
        Err(reason) => return Run::Ended(End::NotBegun(reason)),
    };
    tokio::select! {
        biased;
        said = &mut job.task => return Run::Ended(end(said, End::Left)),
        () = drain.leaving.cancelled() => {}
        () = sleep_until(soft) => stop.cancel(),
    }
    let cut = tokio::select! {
        biased;
        said = &mut job.task => return Run::Ended(end(said, End::Left)),
        () = drain.leaving.cancelled() => End::Left,
        () = sleep_until(hard) => End::TimedOut,
    };
    stop.cancel();
    job.task.abort();
    match timeout(ABORT_PATIENCE, &mut job.task).await {
        Ok(said) => Run::Ended(end(said, cut)),
        Err(_) => {
            pools.write_off(&job);
            Run::GoesOn(job)
        }
    }
}

/// Starts the handler, or says why not. A handler that would be stopped at once is not begun.
async fn begin(attempt: &Attempt, pools: &Pools, drain: &Drain) -> Result<Job, String> {
    let Attempt {
        subscriber,
        delivery,
        arrival,
        ..
    } = attempt;
    let quota = &subscriber.quota;
    tokio::select! {
        biased;
        () = drain.stopping.cancelled() => Err("the service is leaving".into()),
        () = delivery.context.stop.cancelled() => Err("the claim was lost to another delivery".into()),
        () = sleep_until(*arrival + subscriber.begins_within()) => Err(pools.too_late(quota, subscriber.limits.hard)),
        job = async {
            let thread = pools.thread(quota).await;
            attempt.begin().await?; // not earlier: a handler that waits for a thread has not begun
            Ok(pools.start(&subscriber.declared.work, quota, thread, delivery.clone()))
        } => job,
    }
}

/// What the task of a handler came to; `cut` says why, if it was aborted.
pub(crate) fn end(said: Result<Said, JoinError>, cut: End) -> End {
    match said {
        Ok(Ok(outcome)) => End::Said(outcome),
        Ok(Err(DeliveryError::Payload(error))) => End::Unfit(error),
        Ok(Err(error @ DeliveryError::MissingState(_))) => {
            End::Said(Outcome::retry(error.to_string()))
        }
        Err(error) if error.is_cancelled() => cut,
        Err(_) => End::Panicked,
    }
}
