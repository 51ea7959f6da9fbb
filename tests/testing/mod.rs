//! The test kit, as its users use it.

mod in_memory;
mod local;
mod repeatable;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pushgate::{Context, Idempotency, Message, Outcome, Raw, Service, State, Subscriber};

const ID: &str = "letters-print";

/// The texts that were printed.
type Printed = Arc<Mutex<Vec<String>>>;

fn text(message: &Message<Raw>) -> String {
    String::from_utf8_lossy(&message.0.0).into_owned()
}

/// Prints a letter after it has waited, fails, or hangs, as the message says.
async fn print(message: Message<Raw>, printed: State<Printed>, context: Context) -> Outcome {
    match text(&message).as_str() {
        "fail" => return Outcome::retry("the printer is out of paper"),
        "dead" => return Outcome::dead_letter("no such printer"),
        "hang" => context.stopping().await,
        letter => {
            tokio::time::sleep(Duration::from_millis(5)).await;
            printed.lock().expect("letters").push(letter.to_owned());
        }
    }
    Outcome::Success
}

fn declared(subscriber: Subscriber) -> Subscriber {
    subscriber
        .topic("letters")
        .purpose("Prints letters.")
        .producers(["the office"])
        .idempotency(Idempotency::by_message_id())
}

fn service_of(subscriber: Subscriber, printed: &Printed) -> Service {
    let printed = Arc::clone(printed);
    Service::new().subscriber(subscriber).state(move |_| {
        let printed = Arc::clone(&printed);
        async move { Ok::<_, io::Error>(printed) }
    })
}

fn service(printed: &Printed) -> Service {
    service_of(declared(Subscriber::new(ID, print)), printed)
}
