//! A channel that keeps its messages, for tests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::PublishError;
use super::draft::Draft;

/// The messages of a channel that publishes nothing.
#[derive(Clone)]
pub(crate) struct Recording {
    pub(super) topic: String,
    drafts: Arc<Mutex<Vec<Draft>>>,
}

impl Recording {
    pub(crate) fn of(topic: String) -> Self {
        Self {
            topic,
            drafts: Arc::default(),
        }
    }

    /// Checks the limits, keeps the message, and returns its id: its number, from 1.
    pub(super) fn record(&self, draft: Draft) -> Result<String, PublishError> {
        draft.check()?;
        let mut drafts = self.lock();
        drafts.push(draft);
        Ok(drafts.len().to_string())
    }

    /// Returns the messages so far.
    pub(crate) fn drafts(&self) -> Vec<Draft> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Draft>> {
        self.drafts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
