//! The reasons why a service does not start.

use std::error::Error;

use crate::config::ConfigError;
use crate::dedup::StoreError;
use crate::telemetry::otlp::ExportError;

/// The reason why a service does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The declarations contradict themselves or each other.
    #[error("the declarations cannot be used:\n{}", .0.iter().map(|fault| format!("  {fault}")).collect::<Vec<_>>().join("\n"))]
    Declarations(Vec<String>),
    /// A setting contradicts the declarations.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// A state could not be opened.
    #[error("cannot open the state {name}")]
    State {
        /// The type of the state.
        name: &'static str,
        /// The error of its function.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store's address is invalid.
    #[error("cannot use the store of PUSHGATE_STORE")]
    Store(#[source] StoreError),
    /// The HTTP client for the issuer's keys cannot be created.
    #[error("cannot prepare to fetch the issuer's keys")]
    Keys(#[source] Box<dyn Error + Send + Sync>),
    /// The threads that run handlers cannot be started.
    #[error("cannot start the threads of the handlers")]
    Threads(#[source] std::io::Error),
    /// The exporters of metrics cannot be created.
    #[error(transparent)]
    Telemetry(#[from] ExportError),
    /// The port is in use, or not allowed.
    #[error("cannot listen on {address}: check {setting}")]
    Listen {
        /// The configured address.
        address: std::net::SocketAddr,
        /// The setting with the port.
        setting: &'static str,
        /// The error of the system.
        source: std::io::Error,
    },
}
