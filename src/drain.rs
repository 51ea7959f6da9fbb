//! Leaving without losing anything: no new pushes, running ones finish, those that cannot are told to stop, then stopped.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After handlers were stopped, this long for their claims to be released and the replies to be sent. With the default
/// grace of 8 s it ends inside the 10 s Cloud Run gives (Google, *Container runtime contract*).
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a leaving service says to its pushes, in this order.
#[derive(Clone, Default)]
pub(crate) struct Drain {
    /// New pushes are refused.
    pub(crate) closing: CancellationToken,
    /// Handlers are asked to stop.
    pub(crate) stopping: CancellationToken,
    /// Handlers are stopped.
    pub(crate) leaving: CancellationToken,
    /// All pushes that are worked on.
    pub(crate) pushes: TaskTracker,
}

impl Drain {
    /// Lets running pushes finish within `grace`; in its last quarter they are asked to stop.
    pub(crate) async fn run(&self, grace: Duration) {
        let start = Instant::now();
        self.closing.cancel();
        self.pushes.close();
        let waited = timeout_at(start + grace * 3 / 4, self.pushes.wait()).await;
        if waited.is_err() {
            tracing::warn!(
                pushes = self.pushes.len(),
                "asking handlers to stop, since the grace period is ending"
            );
            self.stopping.cancel();
            let _ = timeout_at(start + grace, self.pushes.wait()).await;
        }
        self.leaving.cancel();
        if timeout_at(start + grace + LAST_WORDS, self.pushes.wait())
            .await
            .is_err()
        {
            tracing::error!(
                pushes = self.pushes.len(),
                "leaving although handlers do not stop; their claims lapse by themselves"
            );
        }
    }

    /// Comes when a leaving service can wait no longer for a store or a publish.
    pub(crate) async fn last_call(&self) {
        self.leaving.cancelled().await;
        sleep(LAST_WORDS * 3 / 4).await;
    }
}
