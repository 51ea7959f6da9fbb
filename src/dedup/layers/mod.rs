//! The layers around every store.

pub(crate) mod circuit;
pub(crate) mod local_cache;
pub(crate) mod none;
pub(crate) mod unanswered;
