//! Handlers that are repeated, and those whose effects are then others.

use std::time::Duration;

use futures_util::FutureExt;
use pushgate::testing::{Case, Sent, assert_repeatable};
use pushgate::{AfterCrash, Message, Outcome, Raw, State, Subscriber};

use super::{ID, Printed, declared, service_of, text};

/// Waits, prints, waits and succeeds. A crash at the second wait leaves the print behind.
async fn print_in_between(message: Message<Raw>, printed: State<Printed>) -> Outcome {
    tokio::time::sleep(Duration::from_secs(1)).await;
    printed.lock().expect("letters").push(text(&message));
    tokio::time::sleep(Duration::from_secs(1)).await;
    Outcome::Success
}

/// The same, but a letter that was printed is not printed again.
async fn print_once(message: Message<Raw>, printed: State<Printed>) -> Outcome {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let letter = text(&message);
    {
        let mut printed = printed.lock().expect("letters");
        if !printed.contains(&letter) {
            printed.push(letter);
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Outcome::Success
}

fn print_at_once(message: Message<Raw>, printed: State<Printed>) {
    printed.lock().expect("letters").push(text(&message));
}

async fn check(subscriber: impl Fn() -> Subscriber) {
    let case = || {
        let printed = Printed::default();
        let service = service_of(declared(subscriber()), &printed);
        Case::new(service, move || printed.lock().expect("letters").clone())
    };
    assert_repeatable(case, ID, &Sent::raw("Dear Ada")).await;
}

/// Returns the text with which the check fails.
async fn fault(subscriber: impl Fn() -> Subscriber) -> String {
    let checked = std::panic::AssertUnwindSafe(check(subscriber)).catch_unwind();
    let panic = checked.await.expect_err("the effects differ");
    *panic.downcast::<String>().expect("a text")
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_repeats_nothing_passes() {
    check(|| Subscriber::new(ID, print_once)).await;
}

#[tokio::test(start_paused = true)]
async fn an_effect_before_a_crash_is_found() {
    let fault = fault(|| Subscriber::new(ID, print_in_between)).await;
    assert!(
        fault.contains("after a crash at an .await of the handler (crash 2)"),
        "{fault}"
    );
    assert!(fault.contains(r#"["Dear Ada", "Dear Ada"]"#), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_success_that_was_not_recorded_is_found() {
    let fault = fault(|| Subscriber::blocking(ID, print_at_once)).await;
    assert!(
        fault.contains("after a crash after the handler, before its record"),
        "{fault}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_parked_message_is_not_run_again() {
    check(|| Subscriber::new(ID, print_in_between).after_crash(AfterCrash::Park)).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "undisturbed: the message is not settled")]
async fn a_message_that_fails_cannot_be_checked() {
    check(|| Subscriber::new(ID, |_: Message<Raw>| async { Outcome::retry("no paper") })).await;
}
