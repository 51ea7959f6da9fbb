//! Redis as the store: a single server, Sentinel, a cluster.

mod access;
mod advice;
mod contract;
mod failover;
mod memory;
