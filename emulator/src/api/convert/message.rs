//! Messages: as publishers send them, and as subscribers get them.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::PubsubMessage;

use super::time::to_timestamp;
use crate::message::{Message, ReceivedMessage};

/// Id and time are the service's to give, so a client's are dropped (Google, *PubsubMessage*, `messageId`, `publishTime`).
pub(in crate::api) fn message(message: PubsubMessage) -> Message {
    Message {
        data: message.data.into(),
        attributes: message.attributes.into_iter().collect(),
        ordering_key: message.ordering_key,
    }
}

/// A message as pull hands it out.
pub(in crate::api) fn pubsub_message(message: &ReceivedMessage) -> PubsubMessage {
    PubsubMessage {
        data: message.data.to_vec(),
        attributes: message.attributes.clone().into_iter().collect(),
        message_id: message.id.clone(),
        publish_time: Some(to_timestamp(message.publish_time)),
        ordering_key: message.ordering_key.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::time::macros::datetime;

    #[test]
    fn a_message_comes_out_as_it_went_in_but_for_what_the_service_gives() {
        let mut sent = PubsubMessage {
            data: b"hi".to_vec(),
            attributes: [("kind".to_owned(), "order".to_owned())].into(),
            message_id: "made up".to_owned(),
            publish_time: None,
            ordering_key: "customer-9".to_owned(),
        };
        let time = datetime!(2030-01-02 03:04:05.678 UTC);
        let received = pubsub_message(&ReceivedMessage::new(77, message(sent.clone()), time));
        sent.message_id = "77".to_owned();
        sent.publish_time = Some(to_timestamp(time));
        assert_eq!(received, sent);
    }
}
