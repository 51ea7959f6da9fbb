//! From a message to its settlement.

mod claims;
mod deduplication;

mod idempotency;
mod leases;
mod memory;
mod outcomes;
mod protections;
mod stuck;
mod time_limits;
