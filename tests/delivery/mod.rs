//! From a message to its settlement.

mod deduplication;
mod holding;
mod idempotency;
mod leases;
mod memory;
mod outcomes;
mod protections;
mod stuck;
mod time_limits;
