//! From an HTTP request to a message, and back to an HTTP response.

mod abuse;
mod authentication;
mod capacity;
mod forged_forms;
mod forms;
mod ingress;
mod keys;
mod modes;
mod tokens;
