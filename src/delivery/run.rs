//! Runs the handler: within its time limits, with its panics caught, and with retries in this process if declared.

use std::pin::pin;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder, Retryable};
use futures_util::FutureExt;
use opentelemetry::trace::SpanRef;
use rand::Rng;
use tokio::time::{Instant, sleep_until, timeout};

use crate::breaker::Permit;
use crate::delivery::Deliveries;
use crate::delivery::dead_letter::{HANDLER, Reason};
use crate::delivery::delivery::{Delivery, Next};
use crate::delivery::lease::Lease;
use crate::delivery::pools::Job;
use crate::delivery::settle::settlement::{End, RunEnd, Settlement};
use crate::subscriber::InProcess;
use crate::telemetry::spans::{current, fail, internal};

/// The time for a stopped `async` handler to reach its next `.await`.
const ABORT_TIMEOUT: Duration = Duration::from_millis(200);

/// A run that has ended, or one that passed its hard limit and cannot be stopped: neither a thread nor a task that never awaits can
/// be stopped from outside.
pub(crate) enum Run {
    Ended(RunEnd),
    StillRunning(Job),
}

impl Run {
    /// Returns the end of the delivery to which this run leads.
    fn end(&self) -> End {
        match self {
            Self::Ended(RunEnd::Settle(settlement)) => settlement.end,
            Self::Ended(RunEnd::DeadLetter(_)) => End::DeadLettered,
            Self::StillRunning(_) => End::StillRunning,
        }
    }
}

/// Runs the handler, unless the message is to be dead-lettered without a run, and reports to the circuit breaker.
pub(crate) async fn run(
    delivery: &Delivery,
    lease: &Lease,
    permit: Option<Permit>,
    deliveries: &Deliveries,
) -> Run {
    if let Next::DeadLetter(reason) | Next::Park(reason) = &delivery.next {
        return Run::Ended(RunEnd::DeadLetter(reason.clone()));
    }
    let run = run_as_declared(delivery, lease, deliveries).await;
    if let Some(permit) = permit {
        report(permit, &run);
    }
    run
}

/// Reports a run to the circuit breaker. A panic or an invalid payload is no evidence about a dependency.
fn report(permit: Permit, run: &Run) {
    const TIMED_OUT: &str = "the handler passed its hard limit";
    match run {
        Run::StillRunning(_) => permit.fail(TIMED_OUT),
        Run::Ended(RunEnd::DeadLetter(Reason { kind: HANDLER, .. })) => permit.succeed(),
        Run::Ended(RunEnd::DeadLetter(_)) => {}
        Run::Ended(RunEnd::Settle(Settlement { end, reason, .. })) => match end {
            End::Failed => permit.fail(reason.as_deref().unwrap_or_default()),
            End::TimedOut => permit.fail(TIMED_OUT),
            End::Handled | End::Discarded => permit.succeed(),
            _ => {}
        },
    }
}

/// Runs the handler, and retries as declared while there is time before its soft limit. When the service shuts down, the next run
/// begins immediately and is the last.
async fn run_as_declared(delivery: &Delivery, lease: &Lease, deliveries: &Deliveries) -> Run {
    let subscriber = &delivery.subscriber;
    let last_begin = delivery.arrival + subscriber.limits.soft.min(subscriber.begins_within());
    let stop = &delivery.input.context.stop; // cancelled also if the claim is lost
    let closing = &deliveries.shutdown.closing;
    let try_once = || async {
        match run_once(delivery, lease, deliveries).await {
            Run::Ended(RunEnd::Settle(Settlement {
                end: End::Failed,
                reason,
                ..
            })) => Err(reason.unwrap_or_default()),
            other => Ok(other),
        }
    };
    let ran = try_once
        .retry(pauses(subscriber.declared.runs.in_process))
        .adjust(|_, pause| {
            let has_time = |pause: &Duration| Instant::now() + *pause < last_begin;
            let is_over = closing.is_cancelled() || stop.is_cancelled();
            pause.filter(has_time).filter(|_| !is_over)
        })
        .sleep({
            let closing = closing.clone();
            move |pause| timeout(pause, closing.clone().cancelled_owned()).map(drop)
        })
        .notify(|reason, pause| {
            tracing::debug!(
                subscription = %subscriber.name,
                message_id = delivery.message_id(),
                reason,
                pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                "the handler runs again in this process"
            );
        })
        .await;
    ran.unwrap_or_else(|reason| Run::Ended(End::Failed.because(reason).into()))
}

/// Returns random pauses, each up to a bound that doubles, so that deliveries that failed at the same time retry at different times.
fn pauses(declared: InProcess) -> impl Iterator<Item = Duration> + Send + Sync + Unpin {
    let times = usize::try_from(declared.attempts.saturating_sub(1)).unwrap_or(0);
    ExponentialBuilder::default()
        .with_min_delay(declared.pause.minimum)
        .with_max_delay(declared.pause.maximum)
        .with_max_times(times)
        .build()
        .map(|bound| rand::rng().random_range(Duration::ZERO..=bound))
}

/// Runs the handler once, within a span.
async fn run_once(delivery: &Delivery, lease: &Lease, deliveries: &Deliveries) -> Run {
    let begin = || internal(format!("handle {}", delivery.subscriber.declared.id));
    let running = pin!(run_and_measure(delivery, lease, deliveries));
    let spans = &delivery.subscriber.spans;
    let end = |span: &SpanRef<'_>, run: &Run| {
        let end = run.end();
        if !end.is_success() {
            fail(span, end.name());
        }
    };
    spans.step(begin, running, end).await
}

/// Runs the handler, and measures the time from its begin.
async fn run_and_measure(delivery: &Delivery, lease: &Lease, deliveries: &Deliveries) -> Run {
    let job = match begin(delivery, lease, deliveries).await {
        Ok(job) => job,
        Err(reason) => return Run::Ended(End::NotBegun.because(reason).into()),
    };
    let start = Instant::now();
    let run = wait_for(job, delivery, deliveries).await;
    let end = run.end();
    let metrics = &delivery.subscriber.metrics;
    metrics.ran(end.name(), !end.is_success(), start.elapsed());
    run
}

/// Waits until the handler ends, its hard limit passes, or the service shuts down.
async fn wait_for(mut job: Job, delivery: &Delivery, deliveries: &Deliveries) -> Run {
    let limits = delivery.subscriber.limits;
    let (soft, hard) = (
        delivery.arrival + limits.soft,
        delivery.arrival + limits.hard,
    );
    let stop = &delivery.input.context.stop;
    let aborting = &deliveries.shutdown.aborting;
    tokio::select! {
        biased;
        ended = &mut job.task => return Run::Ended(RunEnd::of(ended, End::Stopped)),
        () = aborting.cancelled() => {}
        () = sleep_until(soft) => stop.cancel(),
    }
    let if_aborted = tokio::select! {
        biased;
        ended = &mut job.task => return Run::Ended(RunEnd::of(ended, End::Stopped)),
        () = aborting.cancelled() => End::Stopped.into(),
        () = sleep_until(hard) => RunEnd::timed_out(delivery),
    };
    stop.cancel();
    job.task.abort();
    match timeout(ABORT_TIMEOUT, &mut job.task).await {
        Ok(ended) => Run::Ended(RunEnd::of(ended, if_aborted)),
        Err(_) => {
            deliveries.pools.replace_thread(&job);
            Run::StillRunning(job)
        }
    }
}

/// Starts the handler, or returns the reason why it did not begin. A handler that would be stopped immediately does not begin.
async fn begin(
    delivery: &Delivery,
    lease: &Lease,
    Deliveries {
        pools, shutdown, ..
    }: &Deliveries,
) -> Result<Job, String> {
    let Delivery {
        subscriber, input, ..
    } = delivery;
    let quota = &subscriber.quota;
    let last_begin = delivery.arrival + subscriber.begins_within();
    tokio::select! {
        biased;
        () = shutdown.stopping.cancelled() => Err("the service is shutting down".into()),
        () = input.context.stop.cancelled() => Err("the claim was lost to another delivery".into()),
        () = sleep_until(last_begin) => Err(pools.too_late(quota, subscriber.limits.hard)),
        job = async {
            let thread = pools.thread(quota).await;
            lease.begin(delivery).await?; // after the wait for a thread, since the run has not begun before
            let mut input = input.clone();
            input.context.span = current();
            Ok(pools.start(&subscriber.declared.work, quota, thread, input, &subscriber.metrics))
        } => job,
    }
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
