//! The service as Pub/Sub meets it.

mod harness;

mod authentication;
mod capacity;
mod command_line;
mod deduplication;
mod delivery;
mod dev;
mod ingress;
mod official;
mod outcomes;
mod shutdown;
mod stores;
mod time_limits;
