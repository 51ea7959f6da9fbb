//! Deployment and shutdown.

mod alerts;
mod canary;
mod collector;
mod container;
mod incidents;
mod metrics;
mod monitoring;
mod shutdown;
mod status;
mod traces;
