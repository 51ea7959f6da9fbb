//! Holds the source to ARCHITECTURE.md: no import cycles, no use of a higher floor, the invariants, the sizes.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that is surprised fails"
)]

mod absences;

mod floors;
mod graph;
mod layout;
mod sizes;
mod source;

use std::path::Path;

use graph::Crate;

/// The repository.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn library() -> Crate {
    Crate::read("pushgate", "src")
}

fn emulator() -> Crate {
    Crate::read("emulator", "emulator/src")
}

/// Fails with all faults, a line each.
fn expect_none(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
