//! A service whose handlers wait for the test and keep their threads meanwhile.

#![expect(clippy::expect_used, reason = "a test that is surprised fails")]

use std::io::Read;
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use pushgate::{AfterCrash, Context, Idempotency, Message, Raw, Service, Subscriber};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

/// Sends its process and message to the test, and ends as the test replies: `s` means success.
async fn obey(address: Message<Raw>, context: Context) -> Result<(), std::io::Error> {
    let address = std::str::from_utf8(&address).expect("an address");
    let mut connection = tokio::net::TcpStream::connect(address).await?;
    let begun = format!("{} {}\n", std::process::id(), context.message_id);
    connection.write_all(begun.as_bytes()).await?;
    match connection.read_u8().await? {
        b's' => connection.write_all(b"done\n").await,
        _ => Err(std::io::Error::other("fails on request")),
    }
}

async fn wait(_: Message<Raw>) {
    std::future::pending::<()>().await;
}

async fn succeed(_: Message<Raw>) {}

fn succeed_on_thread(_: Message<Raw>) {}

fn main() -> ExitCode {
    let short = Duration::from_secs(2);
    let subscribers = [
        Subscriber::new("blocks", block),
        Subscriber::blocking("hangs", hang).concurrency(100),
        Subscriber::blocking("hangs-past-its-limit", hang).hard_limit(short),
        Subscriber::new("obeys", obey),
        Subscriber::new("obeys-once", obey)
            .lease(6 * short)
            .after_crash(AfterCrash::Park),
        Subscriber::new("succeeds", succeed),
        Subscriber::new("waits-past-its-limit", wait).hard_limit(short),
        Subscriber::blocking("succeeds-on-thread", succeed_on_thread),
    ];
    let mut service = Service::new();
    for subscriber in subscribers {
        service = service.subscriber(
            subscriber
                .topic("tests")
                .purpose("Gets stuck.")
                .producers(["the test"])
                .dead_letter_topic("probe-dead-letter")
                .idempotency(Idempotency::by_message_id()),
        );
    }
    service.run()
}
