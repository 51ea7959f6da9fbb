//! Deployment and shutdown.

mod alerts;
mod canary;
mod collector;
mod container;
mod dead_letters;
mod incidents;
mod log_lines;
mod messages;
mod metrics;
mod monitoring;
mod pause;
mod replay;
mod shutdown;
mod status;
mod traces;
