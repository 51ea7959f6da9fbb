//! A bound for the age of a set of messages, which avoids a search.

use time::OffsetDateTime;

use crate::messages::storage::StoredMessage;

/// A time before which none of the messages was published. Removed messages do not change it, so it may be too early, but
/// never too late. The order of publishing does not determine the age: a restart sets an advanced clock back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Oldest(Option<OffsetDateTime>);

impl Oldest {
    /// Adds a message.
    pub(crate) fn note(&mut self, message: &StoredMessage) {
        let published = message.publish_time;
        self.0 = Some(self.0.map_or(published, |oldest| oldest.min(published)));
    }

    /// Returns true if one of them may have been published before `limit`.
    pub(crate) fn is_before(self, limit: OffsetDateTime) -> bool {
        self.0.is_some_and(|oldest| oldest < limit)
    }
}

impl<'a> FromIterator<&'a StoredMessage> for Oldest {
    fn from_iter<T: IntoIterator<Item = &'a StoredMessage>>(messages: T) -> Self {
        let mut oldest = Self::default();
        messages
            .into_iter()
            .for_each(|message| oldest.note(message));
        oldest
    }
}
