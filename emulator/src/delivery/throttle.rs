//! The rate of pushes of one subscription: slow start, and the back-off that follows the share of failures.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The pace of a subscription's pushes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pace {
    /// Slow start and push back-off, as in production.
    #[default]
    Google,
    /// As fast as the endpoint allows, so that tests do not wait: always 128 concurrent pushes and no back-off. Only while the
    /// last twenty pushes have failed, at most 100 pushes start in a second.
    Eager,
}

/// The first window: "a small single digit" (Google, *Push subscriptions*, "Delivery rate").
const FIRST_WINDOW: usize = 4;
/// The largest window. Google's grow further; here a subscription must leave connections of the process to others.
const WIDEST_WINDOW: usize = 128;

/// The number of results that determine the back-off. A new subscription starts with as many acks, so that its first
/// failure is one of twenty.
const RESULTS: usize = 20;
/// The pause is `FLOOR × GROWTH ^ share of failures`: half a second if a fifth fails, and a minute if all fail. These are
/// Google's two examples (Google, *Push subscriptions*, "Push backoff"); the formula between them is ours.
const FLOOR: Duration = Duration::from_millis(150);
const GROWTH: f64 = 400.0;
/// The pause of an eager subscription whose last results are all failures. Without it, a failing endpoint of this machine would
/// take the processor from the other subscriptions.
const EAGER_PAUSE: Duration = Duration::from_millis(10);

/// The window of concurrent pushes and the back-off of one subscription.
///
/// The window grows by one with each ack and halves with each failure; these steps are ours. While the last results contain
/// failures, a pause follows each start of a push. A failure outside a pause starts one. An eager subscription has a fixed window,
/// and pauses only while all last results are failures.
pub(super) struct Throttle {
    pace: Pace,
    window: usize,
    /// The last results, the oldest first: true for a failure.
    failed: VecDeque<bool>,
    paused_until: Option<Instant>,
}

impl Throttle {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            window: match pace {
                Pace::Google => FIRST_WINDOW,
                Pace::Eager => WIDEST_WINDOW,
            },
            failed: VecDeque::from([false; RESULTS]),
            paused_until: None,
        }
    }

    /// Resets the window and the back-off, as for a new endpoint.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.pace);
    }

    /// Returns the number of allowed concurrent pushes.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Returns the end of the pause, if pushing is paused.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.paused_until.filter(|until| *until > now)
    }

    /// Returns the rest of the back-off. The pause of an eager subscription only limits its rate.
    pub(super) fn back_off(&self, now: Instant) -> Option<Duration> {
        let until = self.paused_until(now);
        let until = until.filter(|_| self.pace == Pace::Google);
        until.map(|until| until - now)
    }

    /// Records the start of a push.
    pub(super) fn started(&mut self, now: Instant) {
        self.paused_until = self.pause().map(|pause| now + pause);
    }

    /// Records an ack. `outstanding` is the number of pushes under way, including this one. A current pause continues, except
    /// that of an eager subscription.
    pub(super) fn acked(&mut self, outstanding: usize) {
        self.note(false);
        match self.pace {
            Pace::Eager => self.paused_until = None,
            // A window that was not full does not grow.
            Pace::Google if outstanding >= self.window => {
                self.window = (self.window + 1).min(WIDEST_WINDOW);
            }
            Pace::Google => {}
        }
    }

    /// Records a nack or an expired deadline.
    pub(super) fn nacked(&mut self, now: Instant) {
        self.note(true);
        if self.pace == Pace::Google {
            self.window = (self.window / 2).max(1);
        }
        // Pushes that were under way at the start of the pause fail together. They count for the next pause.
        if self.paused_until(now).is_none() {
            self.paused_until = self.pause().map(|pause| now + pause);
        }
    }

    fn note(&mut self, failed: bool) {
        self.failed.pop_front();
        self.failed.push_back(failed);
    }

    /// Returns the pause after a push, if some of the last pushes failed.
    fn pause(&self) -> Option<Duration> {
        let failures = self.failed.iter().filter(|failed| **failed).count();
        if self.pace == Pace::Eager {
            return (failures == RESULTS).then_some(EAGER_PAUSE);
        }
        if failures == 0 {
            return None;
        }
        let share =
            f64::from(u32::try_from(failures).ok()?) / f64::from(u32::try_from(RESULTS).ok()?);
        Some(FLOOR.mul_f64(GROWTH.powf(share)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Publishes five messages a second, and pushes each as soon as the throttle allows. Returns the mean time between
    /// pushes once the back-off is stable.
    fn mean_gap(is_failure: impl Fn(u32) -> bool) -> Duration {
        let mut throttle = Throttle::new(Pace::Google);
        let (mut now, mut measured_from) = (Instant::now(), Instant::now());
        for push in 0..200 {
            if push == 100 {
                measured_from = now;
            }
            throttle.started(now);
            if is_failure(push) {
                throttle.nacked(now);
            } else {
                throttle.acked(1);
            }
            let next_message = now + Duration::from_millis(200);
            now = throttle.paused_until(now).unwrap_or(now).max(next_message);
        }
        (now - measured_from) / 100
    }

    #[tokio::test]
    async fn googles_examples_of_push_backoff_hold() {
        let all_fail = mean_gap(|_| true);
        assert!(
            (Duration::from_secs(30)..=Duration::from_secs(60)).contains(&all_fail),
            "{all_fail:?}"
        );
        let a_fifth_fails = mean_gap(|push| push % 5 == 0);
        assert!(
            (Duration::from_millis(450)..=Duration::from_millis(550)).contains(&a_fifth_fails),
            "{a_fifth_fails:?}"
        );
        assert_eq!(mean_gap(|_| false), Duration::from_millis(200));
    }

    #[tokio::test]
    async fn pauses_grow_with_the_share_of_failures_up_to_a_minute() {
        let mut throttle = Throttle::new(Pace::Google);
        let mut now = Instant::now();
        let mut previous = Duration::ZERO;
        for _ in 0..RESULTS {
            throttle.nacked(now);
            let until = throttle.paused_until(now).unwrap();
            assert!(until - now > previous);
            previous = until - now;
            now = until;
        }
        assert_eq!(previous.as_secs_f64().round(), 60.0);
        throttle.nacked(now);
        assert_eq!(throttle.paused_until(now), Some(now + previous));
    }

    #[tokio::test]
    async fn a_first_failure_pauses_for_a_fifth_of_a_second() {
        let mut throttle = Throttle::new(Pace::Google);
        let now = Instant::now();
        throttle.nacked(now);
        let until = throttle.paused_until(now).unwrap();
        assert_eq!((until - now).as_millis(), 202);
    }

    #[tokio::test]
    async fn neither_failures_nor_acks_change_a_pause_that_has_begun() {
        let mut throttle = Throttle::new(Pace::Google);
        let now = Instant::now();
        throttle.nacked(now);
        let until = throttle.paused_until(now);
        throttle.nacked(now + Duration::from_millis(50));
        assert_eq!(throttle.paused_until(now), until);
        (0..100).for_each(|_| throttle.acked(1));
        assert_eq!(throttle.paused_until(now), until);
    }

    #[tokio::test]
    async fn twenty_acks_end_the_back_off() {
        let mut throttle = Throttle::new(Pace::Google);
        let now = Instant::now();
        throttle.nacked(now);
        (0..RESULTS - 1).for_each(|_| throttle.acked(1));
        throttle.started(now);
        assert!(throttle.paused_until(now).is_some());
        throttle.acked(1);
        throttle.started(now);
        assert_eq!(throttle.paused_until(now), None);
    }

    #[tokio::test]
    async fn the_window_doubles_while_full_pushes_are_acked() {
        let mut throttle = Throttle::new(Pace::Google);
        for expected in [8, 16, 32] {
            let full = throttle.window();
            (0..full).for_each(|_| throttle.acked(throttle.window()));
            assert_eq!(throttle.window(), expected);
        }
        throttle.acked(1);
        assert_eq!(throttle.window(), 32);
        throttle.nacked(Instant::now());
        assert_eq!(throttle.window(), 16);
        (0..10_000).for_each(|_| throttle.acked(usize::MAX));
        assert_eq!(throttle.window(), WIDEST_WINDOW);
        (0..10).for_each(|_| throttle.nacked(Instant::now()));
        assert_eq!(throttle.window(), 1);
    }

    #[tokio::test]
    async fn an_eager_subscription_pauses_after_twenty_failures_until_an_ack() {
        let mut throttle = Throttle::new(Pace::Eager);
        let now = Instant::now();
        (1..RESULTS).for_each(|_| throttle.nacked(now));
        throttle.started(now);
        assert_eq!(throttle.paused_until(now), None);
        throttle.nacked(now);
        assert_eq!(throttle.paused_until(now), Some(now + EAGER_PAUSE));
        let next = now + EAGER_PAUSE;
        throttle.started(next);
        assert_eq!(throttle.paused_until(next), Some(next + EAGER_PAUSE));
        throttle.acked(1);
        throttle.nacked(next);
        throttle.started(next);
        assert_eq!(throttle.paused_until(next), None);
        assert_eq!(throttle.window(), WIDEST_WINDOW);
    }

    #[tokio::test]
    async fn a_reset_forgets_failures() {
        let mut throttle = Throttle::new(Pace::Google);
        (0..RESULTS).for_each(|_| throttle.nacked(Instant::now()));
        throttle.reset();
        assert_eq!(throttle.window(), FIRST_WINDOW);
        assert_eq!(throttle.paused_until(Instant::now()), None);
    }
}
