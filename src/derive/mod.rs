//! What follows from the declarations, so that nothing is written twice.

pub(crate) mod check;
mod files;
mod manifest;
mod released;

pub(crate) use self::manifest::Manifest;
