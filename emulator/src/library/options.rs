//! The settings of an emulator, and the errors of its start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::delivery::Pace;
use crate::error::ApiError;
use crate::faults::{Faults, FaultsError};
use crate::history::DEFAULT_MESSAGES;
use crate::journal::JournalError;
use crate::server::{Tls, TlsError};

/// The largest history, in messages.
pub const MAX_HISTORY_MESSAGES: usize = 1_000_000;

/// The settings of an emulator.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on; with port 0, a free port. Default: 127.0.0.1, port 0.
    pub address: SocketAddr,
    /// True if `address` may be reachable from other machines, all of which could have tokens signed. Default: false.
    pub allow_remote: bool,
    /// The certificate, if the port has TLS. Then plain requests are refused. Default: none.
    pub tls: Option<Tls>,
    /// The URL at which receivers and clients reach the emulator, if it differs from `address`, as in a container:
    /// `http://HOST:PORT`, with TLS `https://HOST:PORT`. It is the claim `iss` of tokens and the base of the URLs in its documents. Default: none.
    pub public_url: Option<String>,
    /// The pace of pushes. Default: Google's.
    pub pace: Pace,
    /// A folder that keeps the state over a restart. It is created if it is missing. Default: none.
    pub data_folder: Option<PathBuf>,
    /// The faults of new subscriptions, until they are given others. Default: none.
    pub faults: Faults,
    /// True if settings without effect are rejected instead of stored: storage policies, encryption keys, ingestion, exports,
    /// message transforms and tags. Default: false.
    pub strict: bool,
    /// True if requests of clients create missing topics and subscriptions: a publish, a read or a pull, and a new subscription its
    /// topics. A subscription is created for pull, of the topic with the same id. Default: false.
    pub create_missing: bool,
    /// The number of latest messages in the history of the console, 0 to a million; 0 for no history. Default: 2,000.
    pub history_messages: usize,
    /// The default seed of faults ([`Faults`](crate::Faults)). Default: random.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_remote: false,
            tls: None,
            public_url: None,
            pace: Pace::default(),
            data_folder: None,
            faults: Faults::none(),
            strict: false,
            create_missing: false,
            history_messages: DEFAULT_MESSAGES,
            // Short enough to type.
            seed: rand::random::<u32>().into(),
        }
    }
}

/// An error that keeps an emulator from starting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is reachable from other machines, and `allow_remote` is not set.
    #[error(
        "{0} is not a loopback address: listen on 127.0.0.1, or allow remote clients (--allow-remote)"
    )]
    NotLoopback(SocketAddr),
    /// The public URL is not a URL, or has more than a host and a port.
    #[error(
        "the public URL {0:?} is not of the form http://HOST:PORT or http://HOST, with TLS https://HOST:PORT or https://HOST (--public-url)"
    )]
    PublicUrl(String),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no Tokio runtime.
    #[error("the emulator must be started on a Tokio runtime")]
    NoRuntime(#[source] tokio::runtime::TryCurrentError),
    /// The address is in use, or not an address of this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// The requested address.
        address: SocketAddr,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The faults of new subscriptions are out of range.
    #[error("the faults of every subscription are out of range (--faults)")]
    Faults(#[from] FaultsError),
    /// The data folder cannot be used.
    #[error(transparent)]
    DataFolder(#[from] JournalError),
    /// The data folder has content that this emulator cannot read.
    #[error("cannot restore the content of the data folder (--data-dir)")]
    Restore(#[source] ApiError),
}

impl StartError {
    /// Returns true if the same start can succeed later: the port or the folder may become free.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Listen { .. } => true,
            Self::DataFolder(error) => error.is_transient(),
            _ => false,
        }
    }
}
