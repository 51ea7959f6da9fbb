//! The channel to Firestore.

use std::time::Duration;

use googleapis_tonic_google_firestore_v1::google::firestore::v1::firestore_client::FirestoreClient;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use super::super::StoreError;
use super::rejected;

pub(super) type Client = FirestoreClient<Channel>;

const GOOGLE: &str = "https://firestore.googleapis.com";
/// The interval of keepalives. A lost peer is detected after twice this time.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Returns the endpoint of Google, or of the emulator at this `HOST:PORT`.
pub(super) fn endpoint(emulator: Option<&str>, timeout: Duration) -> Result<Endpoint, StoreError> {
    let address = emulator.map_or_else(|| GOOGLE.to_owned(), |host| format!("http://{host}"));
    let mut endpoint = Endpoint::from_shared(address)
        .map_err(rejected)?
        .connect_timeout(timeout)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .user_agent(concat!("pushgate/", env!("CARGO_PKG_VERSION")))
        .map_err(rejected)?;
    if emulator.is_none() {
        let tls = ClientTlsConfig::new().with_native_roots();
        endpoint = endpoint.tls_config(tls).map_err(rejected)?;
    }
    Ok(endpoint)
}
