//! The measured service: as many subscribers as `SUBSCRIBERS` says, which do nothing, with the allocator of the image.

use std::process::ExitCode;

use pushgate::{Environment, Idempotency, Message, Raw, Service, Subscriber};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

async fn handle(_: Message<Raw>) {}

fn main() -> ExitCode {
    let environment = Environment::of_process();
    let count = environment
        .get("SUBSCRIBERS")
        .and_then(|count| count.parse().ok());
    let mut service = Service::new();
    for number in 0..count.unwrap_or(1) {
        let subscriber = Subscriber::new(format!("orders-{number}"), handle)
            .topic("orders")
            .purpose("Does nothing, fast.")
            .producers(["the benchmark"])
            .idempotency(Idempotency::by_message_id());
        service = service.subscriber(subscriber);
    }
    service.run()
}
