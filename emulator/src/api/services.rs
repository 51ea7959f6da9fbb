//! What all services work with.

use std::sync::Arc;

use tonic::Status;

use crate::broker::Broker;

/// Google's services, on one broker. REST and gRPC call the same methods.
pub(super) struct Services {
    pub(super) broker: Arc<Broker>,
}

impl Services {
    /// Waits until all that was done is kept, where a data folder keeps it. What is answered is not lost.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub(super) async fn saved(&self) -> Result<(), Status> {
        let saved = self.broker.saved().await;
        saved.map_err(|error| {
            Status::unavailable(format!("The data folder cannot be written: {error}"))
        })
    }
}
