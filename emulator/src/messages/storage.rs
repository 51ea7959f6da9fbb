//! The memory of messages, counted for all subscriptions of an emulator.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;
use crate::journal::data_folder::OptionalDataFolder;
use crate::messages::message::ReceivedMessage;

/// The most bytes of the messages of one emulator.
const MAX_BYTES: usize = 1024 * 1024 * 1024;
/// The memory of a message besides its content: its fields, its entries in a backlog, and the allocator's share.
const MESSAGE_BYTES: usize = 256;
/// The memory of an attribute besides its key and value: two allocations, and its entry in a tree.
const ATTRIBUTE_BYTES: usize = 128;

/// The room for messages.
pub(crate) struct Storage {
    room: Arc<Semaphore>,
    data_folder: OptionalDataFolder,
}

/// A message in memory. Its room is released when the last subscription drops it.
pub(crate) struct StoredMessage {
    message: ReceivedMessage,
    size_bytes: usize,
    data_folder: OptionalDataFolder,
    _room: OwnedSemaphorePermit,
}

impl Storage {
    pub(crate) fn new(data_folder: OptionalDataFolder) -> Self {
        Self {
            room: Arc::new(Semaphore::new(MAX_BYTES)),
            data_folder,
        }
    }

    pub(crate) fn has_room(&self, messages: &[ReceivedMessage]) -> bool {
        messages.iter().map(size_bytes).sum::<usize>() <= self.room.available_permits()
    }

    /// Stores all of these messages or none.
    pub(crate) fn store(
        &self,
        messages: Vec<ReceivedMessage>,
    ) -> Result<Vec<Arc<StoredMessage>>, ApiError> {
        let stored = messages.into_iter().map(|message| {
            let size_bytes = size_bytes(&message);
            let room = Arc::clone(&self.room);
            // A size that exceeds this type also exceeds the room.
            let room = room.try_acquire_many_owned(u32::try_from(size_bytes).unwrap_or(u32::MAX));
            Ok(Arc::new(StoredMessage {
                message,
                size_bytes,
                data_folder: self.data_folder.clone(),
                _room: room.map_err(|_| exhausted())?,
            }))
        });
        stored.collect()
    }
}

/// Formats the message without its content.
impl fmt::Debug for StoredMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("StoredMessage")
            .field(&self.message.id)
            .finish()
    }
}

impl Drop for StoredMessage {
    fn drop(&mut self) {
        if let Some(folder) = &self.data_folder {
            folder.forget(self.message.sequence);
        }
    }
}

impl StoredMessage {
    /// Returns the approximate memory of this message.
    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes
    }
}

impl Deref for StoredMessage {
    type Target = ReceivedMessage;

    fn deref(&self) -> &ReceivedMessage {
        &self.message
    }
}

fn size_bytes(message: &ReceivedMessage) -> usize {
    MESSAGE_BYTES + message.attributes.len() * ATTRIBUTE_BYTES + message.content_bytes()
}

fn exhausted() -> ApiError {
    ApiError::ResourceExhausted(format!(
        "The emulator holds at most {MAX_BYTES} bytes of messages"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::message::Message;
    use time::OffsetDateTime;

    fn received(message: Message) -> ReceivedMessage {
        ReceivedMessage::new(1, message, OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn attributes_count_with_what_they_cost_beside_their_text() {
        let message = Message::new("data").with_attribute("key", "value");
        assert_eq!(size_bytes(&received(message)), 256 + 4 + 128 + 8);
    }

    fn messages(count: usize) -> Vec<ReceivedMessage> {
        vec![received(Message::new("data")); count]
    }

    /// Returns a storage with room for three of these messages.
    fn storage() -> Storage {
        Storage {
            data_folder: None,
            room: Arc::new(Semaphore::new(1_000)),
        }
    }

    #[test]
    fn room_is_given_to_all_messages_of_a_request_or_to_none() {
        let storage = storage();
        assert!(storage.has_room(&messages(3)));
        assert!(!storage.has_room(&messages(4)));
        assert!(storage.store(messages(4)).is_err());
        assert!(storage.store(messages(3)).is_ok());
    }

    #[test]
    fn room_comes_back_with_the_messages() {
        let storage = storage();
        let stored = storage.store(messages(3)).unwrap();
        assert!(storage.store(messages(1)).is_err());
        drop(stored);
        assert_eq!(storage.room.available_permits(), 1_000);
    }
}
