//! Changes between two schemas, as they affect publishers of the old one.

/// The effect of a change on messages of the old schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// A message that fits the old schema may not fit the new one.
    Breaks,
    /// The message still fits, and part of it is no longer read.
    Removes,
    /// The effect is not known.
    Incomparable,
}

/// One change, with its place in a message: `$.lines[].article`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    pub(crate) place: String,
    pub(crate) effect: Effect,
    pub(crate) what: String,
}

impl Change {
    pub(super) fn breaks(place: &str, what: impl Into<String>) -> Self {
        Self::of(Effect::Breaks, place, what.into())
    }

    pub(super) fn removes(place: &str, what: impl Into<String>) -> Self {
        Self::of(Effect::Removes, place, what.into())
    }

    pub(super) fn incomparable(place: &str, what: impl Into<String>) -> Self {
        Self::of(Effect::Incomparable, place, what.into())
    }

    fn of(effect: Effect, place: &str, what: String) -> Self {
        Self {
            place: place.to_owned(),
            effect,
            what,
        }
    }
}
