//! The messages that services exchange: the contract between publishers and subscribers, one file a topic.
//!
//! A type here is what a publisher may rely on: fields are only ever added, and readers ignore fields they do not know.

pub mod orders;
pub mod stock;
pub mod uploads;
