//! Subscription `orders-receipts`: writes a receipt for every paid order. The same topic as `orders-fulfilment`, and
//! independent of it: each subscription gets its own copy of each message, and is deduplicated by itself.

use std::io;
use std::time::Duration;

use m2m::orders::OrderPlaced;
use pushgate::{Context, Environment, Idempotency, Message, Outcome, State, Subscriber};

use crate::folder::Folder;

pub(crate) fn subscriber() -> Subscriber {
    Subscriber::blocking("orders-receipts", write_receipt)
        .topic("orders")
        .purpose("Writes the customer's receipt for every paid order.")
        .producers(["checkout"])
        .idempotency(Idempotency::by_message_id())
        .ack_deadline(Duration::from_secs(30))
}

/// The receipts that wait to be mailed, in the folder `OUTBOX_DIR`, or in memory if it is unset.
pub(crate) struct Outbox {
    letters: Folder,
}

impl Outbox {
    pub(crate) async fn open(environment: Environment) -> io::Result<Self> {
        Ok(Self {
            letters: Folder::open(&environment, "OUTBOX_DIR").await?,
        })
    }
}

/// Writes a file, so it runs on the blocking pool. After an error, for example a full disk, it is retried.
fn write_receipt(
    order: Message<OrderPlaced>,
    outbox: State<Outbox>,
    context: Context,
) -> io::Result<Outcome> {
    // A later run has the same key, so a receipt that is written again replaces itself.
    let name = format!("{}.txt", context.idempotency_key());
    outbox.letters.put(&name, receipt(&order).as_bytes())?;
    Ok(Outcome::Success)
}

fn receipt(order: &OrderPlaced) -> String {
    let mut text = format!(
        "To {}\nReceipt for order {}\n\n",
        order.customer_email, order.order_id
    );
    let mut total = 0;
    for line in &order.lines {
        let sum = u64::from(line.quantity) * u64::from(line.price_cents);
        total += sum;
        text.push_str(&format!(
            "{:>4} x {:<30} {:>12}\n",
            line.quantity,
            line.article,
            euros(sum)
        ));
    }
    text.push_str(&format!("{:<37} {:>12}\n", "Total", euros(total)));
    text
}

fn euros(cents: u64) -> String {
    format!("{}.{:02} EUR", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use m2m::orders::OrderLine;
    use pushgate::Service;
    use pushgate::testing::{Case, Sent, assert_repeatable};

    use super::*;

    #[test]
    fn a_receipt_lists_every_line_and_the_total_and_is_written_once() {
        let line = |article: &str, quantity, price_cents| OrderLine {
            article: article.into(),
            quantity,
            price_cents,
        };
        let order = OrderPlaced {
            order_id: "A-1".into(),
            customer_email: "ada@example.com".into(),
            lines: vec![line("teapot", 2, 1999), line("lantern", 1, 5)],
        };
        let outbox = State::new(Outbox {
            letters: Folder::in_memory(),
        });
        let context = Context::for_test("7");
        for _run in 0..2 {
            let message = Message(order.clone());
            let written = write_receipt(message, outbox.clone(), context.clone());
            assert_eq!(written.expect("written"), Outcome::Success);
        }
        let name = format!("{}.txt", context.idempotency_key());
        assert_eq!(
            outbox.letters.read(&name, 1000).expect("a receipt"),
            receipt(&order).as_bytes()
        );
        assert!(receipt(&order).contains("2 x teapot") && receipt(&order).ends_with("40.03 EUR\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_receipt_is_written_once_wherever_an_instance_crashes() {
        let case = || {
            let folder = std::env::temp_dir().join(uuid::Uuid::new_v4().to_string());
            let opened = Environment::from_iter([("OUTBOX_DIR", folder.display().to_string())]);
            let service = Service::new()
                .subscriber(subscriber())
                .state(move |_| Outbox::open(opened.clone()));
            Case::new(service, move || {
                let receipts = std::fs::read_dir(&folder).expect("a folder");
                receipts.count()
            })
        };
        let order = Sent::json(&crate::orders_fulfilment::order("A-1", "teapot"));
        assert_repeatable(case, "orders-receipts", &order).await;
    }
}
