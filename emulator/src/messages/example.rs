//! Example messages of a topic, which the console offers to publish.

use std::sync::Arc;

use super::message::Message;

/// The largest data of an example.
const MAX_DATA_BYTES: usize = 64 * 1024;
const MAX_TITLE_CHARACTERS: usize = 200;
/// The most examples of a topic.
const MAX_EXAMPLES: usize = 100;

/// A message that the form for publishing offers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Example {
    pub(crate) title: String,
    pub(crate) message: Message,
}

/// The examples of one topic. They are not kept in the data folder.
#[derive(Clone, Default)]
pub(crate) struct Examples(Vec<Arc<Example>>);

impl Examples {
    /// Adds an example, unless it is known or too large, or there are 100.
    pub(crate) fn add(&mut self, title: &str, message: Message) {
        let is_known = self.0.iter().any(|known| known.message == message);
        if is_known || message.data.len() > MAX_DATA_BYTES || self.0.len() >= MAX_EXAMPLES {
            return;
        }
        let title = title.chars().take(MAX_TITLE_CHARACTERS).collect();
        self.0.push(Arc::new(Example { title, message }));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Example> {
        self.0.iter().map(|example| &**example)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(examples: &Examples) -> Vec<&str> {
        examples
            .iter()
            .map(|example| example.title.as_str())
            .collect()
    }

    #[test]
    fn the_same_message_is_offered_once() {
        let mut examples = Examples::default();
        examples.add("an order", Message::new("{}"));
        examples.add("the same order", Message::new("{}"));
        examples.add(
            "an order of a kind",
            Message::new("{}").with_attribute("kind", "x"),
        );
        assert_eq!(titles(&examples), ["an order", "an order of a kind"]);
    }

    #[test]
    fn examples_have_bounds() {
        let mut examples = Examples::default();
        examples.add("large", Message::new(vec![b'x'; MAX_DATA_BYTES + 1]));
        assert_eq!(titles(&examples), [""; 0]);
        for each in 0..=MAX_EXAMPLES {
            examples.add(&"é".repeat(1_000), Message::new(each.to_string()));
        }
        let title = "é".repeat(MAX_TITLE_CHARACTERS);
        assert_eq!(titles(&examples), [title.as_str(); MAX_EXAMPLES]);
    }
}
