//! What follows from the declarations, so that nothing is written twice.

mod manifest;

pub(crate) use self::manifest::Manifest;
