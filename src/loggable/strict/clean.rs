//! Errors that quote no value.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

/// An error that names the expectation, and nothing of the value that was found.
#[derive(Debug)]
pub(crate) struct Clean<E>(pub(crate) E);

impl<E> Clean<E> {
    pub(super) fn into_inner(self) -> E {
        self.0
    }
}

impl<E: fmt::Display> fmt::Display for Clean<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Error> std::error::Error for Clean<E> {}

impl<E: Error> Error for Clean<E> {
    fn custom<T: fmt::Display>(_may_quote: T) -> Self {
        Self(E::custom("wrong value"))
    }

    fn invalid_type(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(E::invalid_type(Unexpected::Other("another"), expected))
    }

    fn invalid_value(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(E::invalid_value(Unexpected::Other("another"), expected))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self(E::invalid_length(length, expected))
    }

    fn unknown_variant(_found: &str, expected: &'static [&'static str]) -> Self {
        Self(E::unknown_variant("", expected))
    }

    fn unknown_field(_found: &str, expected: &'static [&'static str]) -> Self {
        Self(E::unknown_field("", expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self(E::missing_field(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self(E::duplicate_field(field))
    }
}
