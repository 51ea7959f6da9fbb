//! Subscription `uploads-fingerprints`: computes the fingerprint of every uploaded document, so that near-duplicates can be
//! found. Cloud Storage itself publishes to the topic.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use m2m::uploads::{EVENT_TYPE, OBJECT_FINALIZE, StoredObject};
use pushgate::{Context, Example, Idempotency, Message, Outcome, State, Subscriber};

use crate::bucket::{Bucket, BucketError};

/// Words in a row that count as one feature of a text.
const SHINGLE: usize = 3;
/// Numbers in a fingerprint: with 128, an estimated likeness is off by less than a tenth.
const HASHES: u64 = 128;

pub(crate) fn subscriber() -> Subscriber {
    let notification = StoredObject {
        name: "letters/hello.txt".into(),
        bucket: "shop-uploads".into(),
        size: "57".into(),
        generation: "1".into(),
        content_type: Some("text/plain".into()),
    };
    Subscriber::cpu("uploads-fingerprints", fingerprint_upload)
        .topic("uploads")
        .purpose("Computes the fingerprint of every uploaded document, so that near-duplicates can be found.")
        .producers(["Cloud Storage, bucket shop-uploads"])
        .idempotency(Idempotency::by_message_id())
        .ack_deadline(Duration::from_secs(120))
        .examples([Example::json("a document that was uploaded", &notification).attribute(EVENT_TYPE, OBJECT_FINALIZE)])
}

/// Computes for a while, so it runs on a thread of its own and looks up now and then whether it should stop.
fn fingerprint_upload(
    object: Message<StoredObject>,
    bucket: State<Bucket>,
    context: Context,
) -> Result<Outcome, BucketError> {
    if context.attributes.get(EVENT_TYPE).map(String::as_str) != Some(OBJECT_FINALIZE) {
        return Ok(Outcome::discard("not about a new object"));
    }
    let text = match bucket.read(&object.name) {
        Err(BucketError::Gone) => return Ok(Outcome::discard("the object was deleted meanwhile")),
        Err(BucketError::NotAName) => {
            return Ok(Outcome::dead_letter(
                "the object's name leads out of the bucket",
            ));
        }
        text => text?,
    };
    match fingerprint(&text, || context.is_stopping()) {
        Some(fingerprint) => bucket.keep_fingerprint(&object.name, &object.generation, fingerprint),
        None => return Ok(Outcome::retry("stopped before the whole text was read")),
    }
    Ok(Outcome::Success)
}

/// The smallest hash of all features of the text under each of many hash functions (MinHash): texts that share features
/// share numbers. `None` if asked to stop.
fn fingerprint(text: &str, is_stopping: impl Fn() -> bool) -> Option<Vec<u64>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let features: HashSet<&[&str]> = words.windows(SHINGLE.min(words.len()).max(1)).collect();
    let mut smallest = Vec::new();
    for seed in 0..HASHES {
        if is_stopping() {
            return None;
        }
        smallest.push(
            features
                .iter()
                .map(|feature| hash(seed, feature))
                .min()
                .unwrap_or_default(),
        );
    }
    Some(smallest)
}

fn hash(seed: u64, feature: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, feature).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(name: &str, bucket: &State<Bucket>, event: &str) -> Outcome {
        let object = StoredObject {
            name: name.into(),
            bucket: "shop-uploads".into(),
            size: "1".into(),
            generation: "1".into(),
            content_type: None,
        };
        let mut context = Context::for_test("1");
        context.attributes =
            std::sync::Arc::new([(EVENT_TYPE.to_owned(), event.to_owned())].into());
        fingerprint_upload(Message(object), bucket.clone(), context).expect("an outcome")
    }

    #[test]
    fn each_new_object_gets_a_fingerprint_and_nothing_else_does() {
        let bucket = State::new(Bucket::in_memory());
        assert_eq!(
            upload("letters/hello.txt", &bucket, OBJECT_FINALIZE),
            Outcome::Success
        );
        assert!(bucket.has_fingerprint("letters/hello.txt"));
        assert!(matches!(
            upload("gone.txt", &bucket, OBJECT_FINALIZE),
            Outcome::Discard { .. }
        ));
        assert!(matches!(
            upload("letters/hello.txt", &bucket, "OBJECT_DELETE"),
            Outcome::Discard { .. }
        ));
        assert!(matches!(
            upload("../secret", &bucket, OBJECT_FINALIZE),
            Outcome::DeadLetter { .. }
        ));
    }

    #[test]
    fn alike_texts_have_alike_fingerprints() {
        let likeness = |one: &str, other: &str| {
            let of = |text: &str| fingerprint(text, || false).expect("not stopped");
            of(one)
                .iter()
                .zip(of(other))
                .filter(|(one, other)| **one == *other)
                .count()
        };
        let text = "the quick brown fox jumps over the lazy dog and then sleeps in the warm sun until evening";
        assert_eq!(likeness(text, text), 128);
        assert!(likeness(text, &text.replace("evening", "noon")) > 90);
        assert!(
            likeness(
                text,
                "an entirely different letter about the price of two teapots"
            ) < 5
        );
        assert_eq!(likeness("", ""), 128);
    }

    #[test]
    fn a_computation_ends_when_asked_to() {
        assert_eq!(fingerprint("some text", || true), None);
    }
}
