//! No more messages a second than asked for.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// What a stall may be made up for, so that no flood follows it.
const CATCH_UP: Duration = Duration::from_millis(100);

/// When the next message may be sent.
pub(super) struct Pace {
    pause: Option<Duration>,
    next: Instant,
}

impl Pace {
    pub(super) fn new(rate: Option<u32>) -> Self {
        Self {
            pause: rate.map(|rate| Duration::from_secs(1) / rate),
            next: Instant::now(),
        }
    }

    /// Waits until the next message may be sent.
    pub(super) async fn ready(&self) {
        if self.pause.is_some() {
            sleep_until(self.next).await;
        }
    }

    /// One is sent.
    pub(super) fn took(&mut self) {
        if let Some(pause) = self.pause {
            let now = Instant::now();
            self.next = self.next.max(now.checked_sub(CATCH_UP).unwrap_or(now)) + pause;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(rate: Option<u32>, messages: u32, expected: Duration) {
        let start = Instant::now();
        let mut pace = Pace::new(rate);
        for _ in 0..messages {
            pace.ready().await;
            pace.took();
        }
        let took = start.elapsed();
        assert!(
            took >= expected && took <= expected + Duration::from_millis(110),
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn messages_are_spread_and_a_stall_is_followed_by_no_flood() {
        check(None, 1_000, Duration::ZERO).await;
        check(Some(100), 1_000, Duration::from_millis(9_900)).await;
        let mut pace = Pace::new(Some(100));
        tokio::time::advance(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..100 {
            pace.ready().await;
            pace.took();
        }
        assert!(start.elapsed() >= Duration::from_millis(850));
    }
}
