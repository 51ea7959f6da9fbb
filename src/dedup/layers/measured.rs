//! Measures the steps of a store.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanBuilder, SpanKind};
use tokio::time::Instant;

use crate::dedup::{
    Claim, ClaimStore, DedupStore, Details, MessageKey, OperatorStore, Record, Replacement,
    StepResult, StoreError, Text, Ticket, TicketStore,
};
use crate::telemetry::export::Recorder;
use crate::telemetry::spans::fail;

/// A store whose steps are measured.
pub(super) struct Measured {
    pub(super) store: Arc<dyn DedupStore>,
    pub(super) recorder: Recorder,
}

impl Measured {
    async fn measure<T>(
        &self,
        step: &'static str,
        running: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let running = pin!(running);
        let start = Instant::now();
        let system = self.store.system();
        let begin = || {
            SpanBuilder::from_name(step)
                .with_kind(SpanKind::Client)
                .with_attributes([
                    KeyValue::new("db.system.name", system),
                    KeyValue::new("db.operation.name", step),
                ])
        };
        let spans = &self.recorder.spans;
        let result = spans.step(begin, running, |span, result| {
            if let Err(error) = result {
                fail(span, error.kind());
            }
        });
        let result = result.await;
        let error = result.as_ref().err().map(StoreError::kind);
        let metrics = &self.recorder.metrics;
        metrics.stepped(system, step, start.elapsed(), error);
        result
    }
}

#[async_trait]
impl ClaimStore for Measured {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        self.measure("claim", self.store.claim(ticket)).await
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        self.measure("look", self.store.look(key)).await
    }
}

#[async_trait]
impl TicketStore for Measured {
    async fn begin(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.measure("begin", self.store.begin(ticket)).await
    }

    async fn renew(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.measure("renew", self.store.renew(ticket)).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.measure("finish", self.store.finish(ticket)).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        self.measure("release", self.store.release(ticket)).await
    }
}

#[async_trait]
impl OperatorStore for Measured {
    async fn inspect(&self, key: &MessageKey) -> Result<Option<Details>, StoreError> {
        self.measure("inspect", self.store.inspect(key)).await
    }

    async fn replace(
        &self,
        key: &MessageKey,
        seen: Option<&Details>,
        by: Replacement,
    ) -> Result<bool, StoreError> {
        let replacing = self.store.replace(key, seen, by);
        self.measure("replace", replacing).await
    }

    async fn read_text(&self, name: &str) -> Result<Option<Text>, StoreError> {
        self.measure("read_text", self.store.read_text(name)).await
    }

    async fn write_text(
        &self,
        name: &str,
        seen: Option<&Text>,
        text: &str,
        window: Duration,
    ) -> Result<bool, StoreError> {
        let writing = self.store.write_text(name, seen, text, window);
        self.measure("write_text", writing).await
    }
}

#[async_trait]
impl DedupStore for Measured {
    async fn ping(&self) -> Result<(), StoreError> {
        self.measure("ping", self.store.ping()).await
    }

    fn system(&self) -> &'static str {
        self.store.system()
    }
}
