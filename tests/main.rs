//! The service as Pub/Sub meets it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test that is surprised fails, and a story may be long"
)]

mod harness;

mod abuse;
mod adding;
mod authentication;
mod canary;
mod capacity;
mod chaos;
mod check;
mod command_line;
mod container;
mod deduplication;
mod delivery;
mod dev;
mod firestore;
mod forged_forms;
mod forms;
mod generate;
mod holding;
mod idempotency;
mod ingress;
mod keys;
mod leases;
mod memory;
mod modes;
mod official;
mod official_forms;
mod outages;
mod outcomes;
mod protections;
mod publish_command;
mod publishing;
mod redis_access;
mod redis_advice;
mod redis_failover;
mod redis_memory;
mod redis_stores;
mod shutdown;
mod snippets;
mod stores;
mod stuck;
mod time_limits;
mod tokens;
