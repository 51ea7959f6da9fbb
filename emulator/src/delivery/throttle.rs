//! How fast one subscription may push: slow start, and the pause after failures.

use std::time::Duration;

use tokio::time::Instant;

/// Whether a subscription holds itself back as Google's do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pace {
    /// Slow start and pauses after failures, as in production.
    #[default]
    Google,
    /// As fast as the endpoint allows: always 256 pushes at once, and no pauses, so that tests do not wait.
    Eager,
}

/// "A small single digit" in Google's words (Google, *Push subscriptions*, "Delivery rate").
const FIRST_WINDOW: usize = 4;
/// Beyond this, growth at Google becomes linear (the same page). On one laptop it is a good place to stop.
const WIDEST_WINDOW: usize = 3_000;
/// Each push needs a connection, and both its ends may count against the limit of open files of one process.
const EAGER_WINDOW: usize = 256;

/// The range of pauses (Google, *Push subscriptions*, "Push backoff").
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The window of concurrent pushes and the pause of one subscription. The steps are ours: the window grows by one with each
/// ack and halves with each failure; the pause doubles with each failure and halves with each ack.
pub(super) struct Throttle {
    pace: Pace,
    window: usize,
    pause: Duration,
    paused_until: Option<Instant>,
}

impl Throttle {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            window: match pace {
                Pace::Google => FIRST_WINDOW,
                Pace::Eager => EAGER_WINDOW,
            },
            pause: Duration::ZERO,
            paused_until: None,
        }
    }

    /// How many pushes may be under way at once.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// When pushing goes on, if it is paused.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.paused_until.filter(|until| *until > now)
    }

    /// Notes an ack, when `outstanding` pushes were under way, this one included.
    pub(super) fn acked(&mut self, outstanding: usize) {
        if self.pace == Pace::Eager {
            return;
        }
        // A window that was not used up says nothing about a wider one.
        if outstanding >= self.window {
            self.window = (self.window + 1).min(WIDEST_WINDOW);
        }
        self.pause /= 2;
        if self.pause < SHORTEST_PAUSE {
            self.pause = Duration::ZERO;
            self.paused_until = None;
        }
    }

    /// Notes a nack or an expired deadline.
    pub(super) fn nacked(&mut self, now: Instant) {
        if self.pace == Pace::Eager {
            return;
        }
        self.window = (self.window / 2).max(1);
        // Pushes that were under way when the pause began fail together: that is one piece of news, not many.
        if self.paused_until(now).is_none() {
            self.pause = (self.pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            self.paused_until = Some(now + self.pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails once after each pause, and gives the pauses in milliseconds.
    fn pauses(throttle: &mut Throttle, count: usize) -> Vec<u128> {
        let mut now = throttle.paused_until.unwrap_or_else(Instant::now);
        let mut pauses = Vec::new();
        for _ in 0..count {
            throttle.nacked(now);
            let until = throttle.paused_until(now).unwrap();
            pauses.push((until - now).as_millis());
            now = until;
        }
        pauses
    }

    #[tokio::test]
    async fn pauses_grow_from_100_ms_to_a_minute() {
        let mut throttle = Throttle::new(Pace::Google);
        let expected = [
            100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000,
        ];
        assert_eq!(pauses(&mut throttle, expected.len()), expected);
    }

    #[tokio::test]
    async fn failures_during_a_pause_do_not_lengthen_it() {
        let mut throttle = Throttle::new(Pace::Google);
        let now = Instant::now();
        throttle.nacked(now);
        throttle.nacked(now + Duration::from_millis(50));
        assert_eq!(
            throttle.paused_until(now),
            Some(now + Duration::from_millis(100))
        );
    }

    #[tokio::test]
    async fn acks_shorten_the_next_pause_and_end_a_short_one() {
        let mut throttle = Throttle::new(Pace::Google);
        pauses(&mut throttle, 4);
        throttle.acked(1);
        assert_eq!(pauses(&mut throttle, 1), [800]);
        for _ in 0..4 {
            throttle.acked(1);
        }
        assert_eq!(throttle.paused_until(Instant::now()), None);
        assert_eq!(pauses(&mut throttle, 1), [100]);
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
        assert_eq!(throttle.window(), 3_000);
    }

    #[tokio::test]
    async fn the_window_never_closes() {
        let mut throttle = Throttle::new(Pace::Google);
        pauses(&mut throttle, 10);
        assert_eq!(throttle.window(), 1);
    }

    #[tokio::test]
    async fn an_eager_subscription_never_pauses() {
        let mut throttle = Throttle::new(Pace::Eager);
        let now = Instant::now();
        throttle.nacked(now);
        assert_eq!(throttle.paused_until(now), None);
        assert_eq!(throttle.window(), EAGER_WINDOW);
    }
}
