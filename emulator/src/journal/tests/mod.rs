//! Tests of the journal: a model, crashes, unusable folders and full disks.

mod crash;
mod folder;
mod full_disk;
mod growth;
mod model;
mod property;
mod speed;

use std::path::{Path, PathBuf};

use rand::rngs::SmallRng;
use rand::{Rng, RngCore};

use super::{AckState, Change, Journal, JournalError, Kind, Saved};

/// A folder of one test, deleted with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("emulator-journal-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::remove_dir_all(&folder).ok();
        Self(folder)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self) -> PathBuf {
        self.0.join("journal.redb")
    }

    fn open(&self) -> (Journal, Saved) {
        Journal::open(&self.0).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn put(name: &str) -> Change {
    Change::Put {
        kind: Kind::Topic,
        name: name.to_owned(),
        value: b"value".to_vec(),
    }
}

/// Returns a message of 1 KiB.
fn message(sequence: u64) -> Change {
    Change::Message {
        sequence,
        topic: "projects/shop/topics/orders".to_owned(),
        value: vec![b'x'; 1_024],
    }
}

fn ack_state(subscription: &str, sequence: u64) -> Change {
    Change::AckState {
        subscription: subscription.to_owned(),
        sequence,
        state: AckState::Unacked { failures: 0 },
    }
}

fn forget_ack_state(subscription: &str, sequence: u64) -> Change {
    Change::ForgetAckState {
        subscription: subscription.to_owned(),
        sequence,
    }
}

/// Generates any change, over so few names that changes affect each other.
fn any_change(random: &mut SmallRng) -> Change {
    let kind = [Kind::Topic, Kind::Subscription][random.random_range(0..2)];
    let name = ["billing", "orders", "archive"][random.random_range(0..3)].to_owned();
    let sequence = random.random_range(1..40);
    let mut value = vec![0; random.random_range(0..3_000)];
    random.fill_bytes(&mut value);
    match random.random_range(0..20) {
        0 => Change::Put { kind, name, value },
        1 => Change::Delete { kind, name },
        2..6 => Change::Message {
            sequence,
            topic: name,
            value,
        },
        6..10 => Change::ForgetMessage { sequence },
        10..15 => Change::AckState {
            subscription: name,
            sequence,
            state: match random.random_range(0..3) {
                0 => AckState::Acked,
                failures => AckState::Unacked { failures },
            },
        },
        15..19 => Change::ForgetAckState {
            subscription: name,
            sequence,
        },
        _ => Change::ForgetAckStates { subscription: name },
    }
}
