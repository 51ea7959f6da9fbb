//! Ports for servers of tests.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::net::TcpSocket;

/// A port that nobody listens on now, and that no other test is given: each process begins elsewhere, and goes on from there.
/// The system takes the ports of outgoing connections from above, so that it stays free while its server is away.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let next = || {
        let number = 32 * std::process::id() + GIVEN.fetch_add(1, Ordering::Relaxed);
        10_000 + u16::try_from(number % 22_000).expect("small")
    };
    // Without leave to reuse it, a port on which old connections linger counts as taken.
    let is_free = |port: &u16| {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, *port).into()).is_ok()
    };
    std::iter::repeat_with(next).find(is_free).expect("a port")
}
