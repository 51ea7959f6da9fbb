//! Texts that may be logged: errors without values, excerpts, names made of hashes.

pub(crate) mod decoding;
pub(crate) mod encoding;
pub(crate) mod excerpt;
pub(crate) mod hash;
pub(crate) mod strict;
