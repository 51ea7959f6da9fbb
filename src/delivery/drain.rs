//! Leaving without losing anything: no new pushes, running ones finish, those that cannot are told to stop, then stopped.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After handlers were stopped, this long for their claims to be released and the replies to be sent. With the default
/// grace of 8 s it ends inside the 10 s Cloud Run gives (Google, *Container runtime contract*).
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a leaving service says to its pushes, in this order.
#[derive(Clone, Default)]
pub(crate) struct Drain {
    /// New pushes are refused.
    pub(crate) closing: CancellationToken,
    /// Handlers are asked to stop.
    pub(crate) stopping: CancellationToken,
    /// Handlers are stopped.
    pub(crate) leaving: CancellationToken,
    /// No store and no publish is waited for any longer.
    pub(crate) last_call: CancellationToken,
    /// All pushes that are worked on.
    pub(crate) pushes: TaskTracker,
}

impl Drain {
    /// Lets running pushes finish within `grace`; in its last quarter they are asked to stop.
    pub(crate) async fn run(&self, grace: Duration) {
        let end = Instant::now() + grace;
        self.closing.cancel();
        self.pushes.close();
        if timeout_at(end - grace / 4, self.pushes.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                pushes = self.pushes.len(),
                "asking handlers to stop, since the grace period is ending"
            );
            self.stopping.cancel();
            let _ = timeout_at(end, self.pushes.wait()).await;
        }
        self.leaving.cancel();
        tokio::select! {
            () = self.pushes.wait() => {}
            () = sleep_until(end + LAST_WORDS * 3 / 4) => self.last_call.cancel(),
        }
        if timeout_at(end + LAST_WORDS, self.pushes.wait())
            .await
            .is_err()
        {
            tracing::error!(
                pushes = self.pushes.len(),
                "leaving although some pushes have not ended; their claims lapse by themselves"
            );
        }
    }

    /// Refuses a new push once the service closes.
    pub(crate) fn check(&self) -> Result<(), Leaving> {
        if self.closing.is_cancelled() {
            Err(Leaving)
        } else {
            Ok(())
        }
    }

    /// The first steps of a push are not waited for by a leaving service: nothing has been claimed yet.
    pub(crate) async fn unless_leaving<T, E: From<Leaving>>(
        &self,
        steps: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            () = self.leaving.cancelled() => Err(Leaving.into()),
            done = steps => done,
        }
    }
}

/// The service leaves.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the service is leaving")]
pub(crate) struct Leaving;
