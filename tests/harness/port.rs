//! Ports for servers of tests.

use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

/// A port that nobody listens on now, and that no other test is given: each process begins elsewhere, and goes on from there.
/// The system takes the ports of outgoing connections from above, so that it stays free while its server is away.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let next = || {
        let number = 32 * std::process::id() + GIVEN.fetch_add(1, Ordering::Relaxed);
        10_000 + u16::try_from(number % 22_000).expect("small")
    };
    // A socket bound for a trial would live on for a moment in a process that another test happens to start just then.
    let is_free = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_err();
    std::iter::repeat_with(next).find(is_free).expect("a port")
}
