//! The service as Pub/Sub meets it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test that is surprised fails, and a story may be long"
)]

mod harness;

mod commands;
mod delivery;
mod docs;
mod gateway;
mod google;
mod operate;
mod publish;
mod push;
mod stores;
mod testing;
