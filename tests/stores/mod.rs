//! The stores, and their faults.

mod chaos;
mod firestore;
mod memory;
mod outages;
mod redis;
