//! Reads YAML by its core schema, in which `NO` and `on` are text (YAML 1.2.2, section 10.3).

use serde::Deserialize;
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{Error, Options};

pub(super) fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Error> {
    serde_saphyr::from_str_with_options(text, options())
}

fn options() -> Options {
    serde_saphyr::options! {
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        // A tag without a meaning here was written for another reader.
        reject_unsupported_tags: true,
        // JSON has larger numbers than the machine.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
    }
}
