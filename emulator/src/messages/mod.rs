//! Messages, and the memory that they take.

pub(crate) mod age;
pub(crate) mod example;
pub(crate) mod message;
pub(crate) mod storage;
