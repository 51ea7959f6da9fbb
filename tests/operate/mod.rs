//! Deployment and shutdown.

mod canary;
mod collector;
mod container;
mod metrics;
mod shutdown;
mod status;
mod traces;
