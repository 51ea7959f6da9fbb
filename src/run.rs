//! One run of a handler: with its time limits, and its panics caught.

use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempt;
use crate::dead_letter::Reason;
use crate::handler::{DeliveryError, Said};
use crate::message::PayloadError;
use crate::outcome::Outcome;
use crate::pools::Pools;

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
    /// The handler was not called: the service is leaving, its claim was lost, or no thread was free in time.
    NotBegun,
}

/// A run, or one that has ended for its caller only: a thread cannot be stopped from outside, nor a task that never awaits.
pub(crate) enum Run {
    Ended(End),
    GoesOn(JoinHandle<Said>),
}

/// Runs the handler until it ends, its hard limit passes, or the service leaves.
pub(crate) async fn run(attempt: &Attempt, pools: &Pools, leaving: &CancellationToken) -> Run {
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
    let mut work = tokio::select! {
        biased; // a handler that would be stopped at once is not begun
        () = leaving.cancelled() => return Run::Ended(End::NotBegun),
        () = stop.cancelled() => return Run::Ended(End::NotBegun), // its claim is lost, or the service is leaving
        () = sleep_until(hard) => return Run::Ended(End::NotBegun), // no thread was free in all its time
        work = pools.start(&subscriber.declared.work, delivery.clone()) => work,
    };
    tokio::select! {
        biased;
        said = &mut work => return Run::Ended(end(said, End::Left)),
        () = leaving.cancelled() => {}
        () = sleep_until(soft) => stop.cancel(),
    }
    let cut = tokio::select! {
        biased;
        said = &mut work => return Run::Ended(end(said, End::Left)),
        () = leaving.cancelled() => End::Left,
        () = sleep_until(hard) => End::TimedOut,
    };
    stop.cancel();
    work.abort();
    match timeout(ABORT_PATIENCE, &mut work).await {
        Ok(said) => Run::Ended(end(said, cut)),
        Err(_) => Run::GoesOn(work),
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
