//! Many connections, and such that send too little or too much.

use std::time::Duration;

use emulator::Pace;

use crate::harness::emulator;

/// Longer than any wait on a busy machine. With a paused clock it takes no time.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_burst_of_connections_is_accepted() {
    let emulator = emulator(Pace::Eager);
    // Nothing accepts them, since this test does not yield.
    let connect = |_| std::net::TcpStream::connect_timeout(&emulator.address(), PATIENCE / 6);
    let clients: Result<Vec<_>, _> = (0..400).map(connect).collect();
    clients.expect("a client waits");
}
