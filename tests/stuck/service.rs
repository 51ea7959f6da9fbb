//! A service whose handlers wait for the test without giving their thread back.

#![expect(clippy::expect_used, reason = "a test that is surprised fails")]

use std::io::Read;
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use pushgate::{Idempotency, Message, Raw, Service, Subscriber};

/// Waits until the test closes the connection.
fn wait_for_test(address: &[u8]) {
    let address = std::str::from_utf8(address).expect("an address");
    let mut connection = TcpStream::connect(address).expect("the test listens");
    let _ = connection.read(&mut [0]);
}

async fn block(address: Message<Raw>) {
    wait_for_test(&address);
}

fn hang(address: Message<Raw>) {
    wait_for_test(&address);
}

async fn succeed(_: Message<Raw>) {}

fn succeed_on_thread(_: Message<Raw>) {}

fn main() -> ExitCode {
    let short = Duration::from_secs(2);
    let subscribers = [
        Subscriber::new("blocks", block),
        Subscriber::blocking("hangs", hang).concurrency(100),
        Subscriber::blocking("hangs-past-its-limit", hang).hard_limit(short),
        Subscriber::new("succeeds", succeed),
        Subscriber::blocking("succeeds-on-thread", succeed_on_thread),
    ];
    let mut service = Service::new();
    for subscriber in subscribers {
        service = service.subscriber(
            subscriber
                .topic("tests")
                .purpose("Gets stuck.")
                .producers(["the test"])
                .idempotency(Idempotency::by_message_id()),
        );
    }
    service.run()
}
