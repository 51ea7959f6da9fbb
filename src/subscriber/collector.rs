//! The collector of faults, and what several checks share.

/// Collects the faults of a declaration: each names what was found, what was expected and which call decides it.
#[derive(Default)]
pub(super) struct Faults(Vec<String>);

impl Faults {
    /// Adds the fault unless the condition holds.
    pub(super) fn require<T: Into<String>>(&mut self, is_right: bool, fault: impl FnOnce() -> T) {
        if !is_right {
            self.add(fault());
        }
    }

    pub(super) fn add(&mut self, fault: impl Into<String>) {
        self.0.push(fault.into());
    }

    pub(super) fn all(self) -> Vec<String> {
        self.0
    }
}

/// Returns true if Pub/Sub accepts this as the short name of a topic or subscription (Google, *Topic*, `name`).
pub(super) fn is_resource_id(id: &str) -> bool {
    (3..=255).contains(&id.len())
        && id.starts_with(|first: char| first.is_ascii_alphabetic())
        && !id.starts_with("goog")
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.~+%".contains(c))
}
