//! Subscription `uploads-fingerprints`: computes the fingerprint of every uploaded document, so that near-duplicates can be
//! found. Cloud Storage itself publishes to the topic.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use m2m::uploads::{EVENT_TYPE, OBJECT_FINALIZE, StoredObject};
use pushgate::{Context, Environment, Example, Idempotency, Message, Outcome, State, Subscriber};

use crate::folder::Folder;

/// The number of consecutive words that form one feature of a text.
const SHINGLE: usize = 3;
/// The length of a fingerprint. With 128 numbers the error of an estimated similarity is below a tenth.
const HASHES: u64 = 128;
/// The largest text that is read into memory.
const LARGEST_BYTES: u64 = 10_000_000;

pub(crate) fn subscriber() -> Subscriber {
    let notification = StoredObject {
        name: "hello.txt".into(),
        bucket: "shop-uploads".into(),
        size: "57".into(),
        generation: "1".into(),
        content_type: Some("text/plain".into()),
    };
    Subscriber::cpu("uploads-fingerprints", fingerprint_upload)
        .topic("uploads")
        .purpose("Computes the fingerprint of every uploaded document, so that near-duplicates can be found.")
        .producers(["Cloud Storage, bucket shop-uploads"])
        .filter(format!("attributes.{EVENT_TYPE} = \"{OBJECT_FINALIZE}\""))
        .idempotency(Idempotency::by_message_id())
        .ack_deadline(Duration::from_secs(120))
        .examples([Example::json("a document that was uploaded", &notification).attribute(EVENT_TYPE, OBJECT_FINALIZE)])
}

/// The uploads, at `UPLOADS_DIR` (Cloud Run can mount a bucket as a folder), and their fingerprints, at `FINGERPRINTS_DIR`;
/// in memory if that is unset.
pub(crate) struct Archive {
    uploads: Folder,
    fingerprints: Folder,
}

impl Archive {
    pub(crate) async fn open(environment: Environment) -> io::Result<Self> {
        let uploads = Folder::open(&environment, "UPLOADS_DIR").await?;
        if matches!(uploads, Folder::InMemory(_)) {
            uploads.put(
                "hello.txt",
                b"Hello! Two teapots, please, and a kayak if there is one.\n",
            )?;
        }
        Ok(Self {
            uploads,
            fingerprints: Folder::open(&environment, "FINGERPRINTS_DIR").await?,
        })
    }
}

/// Computes for some time, so it runs on a thread of its own and checks regularly if it should stop.
fn fingerprint_upload(
    object: Message<StoredObject>,
    archive: State<Archive>,
    context: Context,
) -> io::Result<Outcome> {
    if context.attributes.get(EVENT_TYPE).map(String::as_str) != Some(OBJECT_FINALIZE) {
        return Ok(Outcome::discard("not about a new object"));
    }
    if !Folder::is_name(&object.name) {
        return Ok(Outcome::dead_letter("the object's name cannot name a file"));
    }
    if object
        .size
        .parse()
        .is_ok_and(|size: u64| size > LARGEST_BYTES)
    {
        return Ok(Outcome::discard("too large for a letter"));
    }
    let text = match archive.uploads.read(&object.name, LARGEST_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Outcome::discard("deleted meanwhile"));
        }
        bytes => String::from_utf8_lossy(&bytes?).into_owned(),
    };
    let Some(fingerprint) = fingerprint(&text, || context.is_stopping()) else {
        return Ok(Outcome::retry("stopped before the whole text was read"));
    };
    // Named after the object's content, so that a second run writes the same file again.
    let name = format!("{}.{}", object.name.replace('/', "_"), object.generation);
    archive.fingerprints.put(&name, &fingerprint)?;
    Ok(Outcome::Success)
}

/// The smallest hash of all features of the text under each of many hash functions (MinHash): texts that share features
/// share numbers. Returns `None` if the service stops it.
fn fingerprint(text: &str, is_stopping: impl Fn() -> bool) -> Option<Vec<u8>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let features: BTreeSet<&[&str]> = words.windows(SHINGLE.min(words.len()).max(1)).collect();
    let mut smallest = Vec::new();
    for seed in 0..HASHES {
        if is_stopping() {
            return None;
        }
        let least = features
            .iter()
            .map(|feature| hash(seed, feature))
            .min()
            .unwrap_or_default();
        smallest.extend(least.to_be_bytes());
    }
    Some(smallest)
}

/// Computes FNV-1a with a seed. Fingerprints are stored, so they must not change with a release of the standard library.
fn hash(seed: u64, feature: &[&str]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let bytes = feature.iter().flat_map(|word| word.bytes().chain([0]));
    let mixed = bytes.fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> State<Archive> {
        let archive = Archive {
            uploads: Folder::in_memory(),
            fingerprints: Folder::in_memory(),
        };
        archive
            .uploads
            .put("letters/hello.txt", b"two teapots, please")
            .expect("put");
        State::new(archive)
    }

    fn upload(name: &str, size: &str, event: &str, archive: &State<Archive>) -> Outcome {
        let object = StoredObject {
            name: name.into(),
            bucket: "shop-uploads".into(),
            size: size.into(),
            generation: "1".into(),
            content_type: None,
        };
        let mut context = Context::for_test("1");
        context.attributes =
            std::sync::Arc::new([(EVENT_TYPE.to_owned(), event.to_owned())].into());
        fingerprint_upload(Message(object), archive.clone(), context).expect("an outcome")
    }

    #[test]
    fn each_new_object_gets_a_fingerprint_and_nothing_else_does() {
        let archive = archive();
        assert_eq!(
            upload("letters/hello.txt", "19", OBJECT_FINALIZE, &archive),
            Outcome::Success
        );
        assert_eq!(
            archive
                .fingerprints
                .read("letters_hello.txt.1", 10_000)
                .expect("a fingerprint")
                .len(),
            1024
        );
        for (name, size, event) in [
            ("gone.txt", "19", OBJECT_FINALIZE),
            ("letters/hello.txt", "20000000000", OBJECT_FINALIZE),
            ("letters/hello.txt", "19", "OBJECT_DELETE"),
        ] {
            assert!(
                matches!(upload(name, size, event, &archive), Outcome::Discard { .. }),
                "{name} {size} {event}"
            );
        }
        assert!(matches!(
            upload("../secret", "19", OBJECT_FINALIZE, &archive),
            Outcome::DeadLetter { .. }
        ));
    }

    #[test]
    fn alike_texts_have_alike_fingerprints() {
        let likeness = |one: &str, other: &str| {
            let of = |text: &str| fingerprint(text, || false).expect("not stopped");
            of(one)
                .chunks(8)
                .zip(of(other).chunks(8))
                .filter(|(one, other)| one == other)
                .count()
        };
        let text = "the quick brown fox jumps over the lazy dog and then sleeps in the warm sun until evening";
        assert_eq!(likeness(text, text), 128);
        let close = likeness(text, &text.replace("evening", "noon"));
        assert!(close > 90, "{close}");
        let far = likeness(
            text,
            "an entirely different letter about the price of two teapots",
        );
        assert!(far < 5, "{far}");
        assert_eq!(likeness("", ""), 128);
    }

    #[test]
    fn a_computation_ends_when_asked_to() {
        assert_eq!(fingerprint("some text", || true), None);
    }
}
