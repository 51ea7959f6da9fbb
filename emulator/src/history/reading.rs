//! Reads the records: one message, a page of messages, and the notes on a subscription.

use std::cmp::Ordering;
use std::sync::Arc;

use super::message_record::{Content, MessageRecord};
use super::{History, Noted};
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;

/// A page of messages, and the number of all matching ones.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) messages: Vec<MessageRecord>,
    pub(crate) total: usize,
}

impl History {
    /// Returns the record of one message.
    pub(crate) fn record(&self, sequence: u64) -> Option<MessageRecord> {
        self.kept().messages.get(&sequence).cloned()
    }

    /// Calls `look` with the record of one message.
    pub(crate) fn look<T>(
        &self,
        sequence: u64,
        look: impl FnOnce(&MessageRecord) -> T,
    ) -> Option<T> {
        self.kept().messages.get(&sequence).map(look)
    }

    /// Returns a page of the messages that match: the latest first, or in the given order.
    pub(crate) fn page(
        &self,
        skip: usize,
        take: usize,
        wanted: impl Fn(&MessageRecord) -> bool,
        order: Option<impl Fn(&MessageRecord, &MessageRecord) -> Ordering>,
    ) -> Page {
        let kept = self.kept();
        let found = kept.messages.values().rev();
        let mut found: Vec<&MessageRecord> = found.filter(|record| wanted(record)).collect();
        if let Some(order) = order {
            found.sort_by(|one, other| order(one, other));
        }
        let messages = found.iter().skip(skip).take(take);
        Page {
            messages: messages
                .map(|record| MessageRecord::clone(record))
                .collect(),
            total: found.len(),
        }
    }

    /// Returns the messages whose payload is kept.
    pub(crate) fn contents(&self) -> Vec<Arc<StoredMessage>> {
        let kept = self.kept();
        let contents = kept.messages.values().map(|record| &record.content);
        let messages = contents.filter_map(|content| match content {
            Content::Kept(message) => Some(Arc::clone(message)),
            Content::Released { .. } => None,
        });
        messages.collect()
    }

    /// Returns the notes on a subscription, the latest first.
    pub(crate) fn notes(&self, subscription: &ResourceName) -> Vec<Noted> {
        let kept = self.kept();
        let notes = kept.notes.iter().rev();
        notes
            .filter(|noted| noted.subscription == *subscription)
            .cloned()
            .collect()
    }
}
