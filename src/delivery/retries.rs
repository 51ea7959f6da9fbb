//! Runs a handler again in this process, for trouble that passes in moments; off unless declared.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder, Retryable};
use futures_util::FutureExt;
use rand::Rng;
use tokio::time::{Instant, timeout};

use crate::delivery::attempt::Attempt;
use crate::delivery::drain::Drain;
use crate::delivery::pools::Pools;
use crate::delivery::run::{End, Run, run};
use crate::handler::outcome::Outcome;
use crate::subscriber::InProcess;

/// One run, or more while the handler says "again" and its soft limit is not near. When the service closes, the next run
/// begins at once and is the last.
pub(crate) async fn run_as_declared(attempt: &Attempt, pools: &Pools, drain: &Drain) -> Run {
    let subscriber = &attempt.subscriber;
    let last_begin = attempt.arrival + subscriber.limits.soft.min(subscriber.begins_within());
    let stop = &attempt.delivery.context.stop; // also when the claim is lost to another
    let try_once = || async {
        match run(attempt, pools, drain).await {
            Run::Ended(End::Said(Outcome::Retry { reason })) => Err(reason),
            other => Ok(other),
        }
    };
    let ran = try_once
        .retry(pauses(attempt.subscriber.declared.in_process))
        .adjust(|_, pause| {
            let has_time = |pause: &Duration| Instant::now() + *pause < last_begin;
            let is_over = drain.closing.is_cancelled() || stop.is_cancelled();
            pause.filter(has_time).filter(|_| !is_over)
        })
        .sleep({
            let closing = drain.closing.clone();
            move |pause| timeout(pause, closing.clone().cancelled_owned()).map(drop)
        })
        .notify(|reason, pause| {
            tracing::debug!(
                subscription = %attempt.subscriber.name,
                message_id = attempt.message_id(),
                reason,
                pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                "the handler runs again in this process"
            );
        })
        .await;
    ran.unwrap_or_else(|reason| Run::Ended(End::Said(Outcome::Retry { reason })))
}

/// Full jitter: anything from nothing to a bound that doubles, so that those who failed together do not come back together.
fn pauses(declared: InProcess) -> impl Iterator<Item = Duration> + Send + Sync + Unpin {
    let times = usize::try_from(declared.attempts.saturating_sub(1)).unwrap_or(0);
    ExponentialBuilder::default()
        .with_min_delay(declared.pause.minimum)
        .with_max_delay(declared.pause.maximum)
        .with_max_times(times)
        .build()
        .map(|bound| rand::rng().random_range(Duration::ZERO..=bound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscriber::Backoff;

    #[test]
    fn pauses_are_random_up_to_a_bound_that_doubles() {
        let declared = InProcess {
            attempts: 6,
            pause: Backoff::from_millis(100, 400),
        };
        let mut longest = [Duration::ZERO; 5];
        for _ in 0..1000 {
            let drawn: Vec<Duration> = pauses(declared).collect();
            assert_eq!(drawn.len(), 5);
            for (longest, pause) in longest.iter_mut().zip(drawn) {
                *longest = pause.max(*longest);
            }
        }
        for (longest, bound) in longest.into_iter().zip([100, 200, 400, 400, 400]) {
            let bound = Duration::from_millis(bound);
            assert!(
                longest <= bound && longest > bound * 9 / 10,
                "{longest:?} of {bound:?}"
            );
        }
    }
}
