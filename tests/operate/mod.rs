//! Deployment and shutdown.

mod canary;
mod container;
mod shutdown;
