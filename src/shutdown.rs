//! Graceful shutdown: new deliveries are rejected, running ones finish; the remaining handlers receive their stop signal, then are aborted.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The time after the abort of the handlers for releasing their claims and sending the replies. With the default grace period of
/// 8 s it ends within the 10 s of Cloud Run (Google, *Container runtime contract*).
pub(crate) const SETTLING_TIME: Duration = Duration::from_secs(1);

/// The phases of a shutdown, in order.
#[derive(Clone, Default)]
pub(crate) struct Shutdown {
    /// New deliveries are rejected.
    pub(crate) closing: CancellationToken,
    /// Handlers receive their stop signal.
    pub(crate) stopping: CancellationToken,
    /// Handlers are aborted.
    pub(crate) aborting: CancellationToken,
    /// Calls of the store and publishes are no longer awaited.
    pub(crate) exiting: CancellationToken,
    /// The unfinished deliveries.
    pub(crate) deliveries: TaskTracker,
}

impl Shutdown {
    /// Waits for running deliveries up to `grace`; in its last quarter their handlers receive their stop signal.
    pub(crate) async fn run(&self, grace: Duration) {
        let end = Instant::now() + grace;
        self.closing.cancel();
        self.deliveries.close();
        if timeout_at(end - grace / 4, self.deliveries.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                deliveries = self.deliveries.len(),
                "asking handlers to stop, since the grace period is ending"
            );
            self.stopping.cancel();
            let _ = timeout_at(end, self.deliveries.wait()).await;
        }
        self.aborting.cancel();
        tokio::select! {
            () = self.deliveries.wait() => {}
            () = sleep_until(end + SETTLING_TIME * 3 / 4) => self.exiting.cancel(),
        }
        if timeout_at(end + SETTLING_TIME, self.deliveries.wait())
            .await
            .is_err()
        {
            tracing::error!(
                deliveries = self.deliveries.len(),
                "exiting although some deliveries have not ended; their claims expire"
            );
        }
    }

    /// Rejects a new delivery after the shutdown began.
    pub(crate) fn check(&self) -> Result<(), ShuttingDown> {
        if self.closing.is_cancelled() {
            Err(ShuttingDown)
        } else {
            Ok(())
        }
    }

    /// Runs the steps before the claim, unless handlers are aborted meanwhile.
    pub(crate) async fn unless_aborting<T, E: From<ShuttingDown>>(
        &self,
        steps: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            () = self.aborting.cancelled() => Err(ShuttingDown.into()),
            done = steps => done,
        }
    }
}

/// The service is shutting down.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the service is shutting down")]
pub(crate) struct ShuttingDown;
