//! Subscription `orders-fulfilment`: reserves stock for every paid order.

use std::time::Duration;

use m2m::orders::{OrderLine, OrderPlaced};
use pushgate::{
    Alerts, Backoff, Context, Example, Idempotency, Message, Outcome, State, Subscriber,
};

use crate::warehouse::{Warehouse, WarehouseError};

pub(crate) fn subscriber() -> Subscriber {
    Subscriber::new("orders-fulfilment", reserve_stock)
        .topic("orders")
        .purpose("Reserves stock for every paid order.")
        .owner("warehouse team")
        .producers(["checkout"])
        .idempotency(Idempotency::by_message_id())
        .ack_deadline(Duration::from_secs(60))
        .retry(Backoff::from_secs(10, 600))
        .attempts(25)
        .retain_handled()
        .expected_throughput(5.0)
        .expected_latency(Duration::from_secs(2))
        .alerts(
            Alerts::default()
                .oldest_unacked_age(Duration::from_secs(15 * 60))
                .undelivered_messages(10_000),
        )
        .examples([
            Example::json("an order that can be filled", &order("A-1001", "teapot")),
            Example::json(
                "an order from the hall that is locked at first",
                &order("A-1002", "kayak"),
            ),
            Example::json(
                "an order for an article that does not exist",
                &order("A-1003", "unicorn"),
            ),
            Example::json(
                "an order that breaks the contract: no lines",
                &OrderPlaced {
                    lines: Vec::new(),
                    ..order("A-1004", "")
                },
            ),
        ])
}

/// Retries while the warehouse cannot be reached. An order for an unknown article is dead-lettered.
async fn reserve_stock(
    order: Message<OrderPlaced>,
    warehouse: State<Warehouse>,
    context: Context,
) -> Result<Outcome, WarehouseError> {
    // If this run succeeds but cannot be recorded, a later one repeats the call with the same idempotency key, so that the
    // warehouse reserves once all the same.
    let reserved = warehouse.reserve(&order, context.idempotency_key()).await;
    match reserved {
        Ok(()) => {
            // The line carries the subscription, the message's id and its trace.
            tracing::info!(lines = order.lines.len(), "stock reserved");
            Ok(Outcome::Success)
        }
        Err(WarehouseError::NoSuchArticle { line }) => Ok(Outcome::dead_letter(format!(
            "the warehouse has no such article as in line {line}"
        ))),
        Err(error) => Err(error),
    }
}

pub(crate) fn order(order_id: &str, article: &str) -> OrderPlaced {
    OrderPlaced {
        order_id: order_id.into(),
        customer_email: "ada@example.com".into(),
        lines: vec![OrderLine {
            article: article.into(),
            quantity: 2,
            price_cents: 1999,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn reserve(
        article: &str,
        warehouse: &State<Warehouse>,
    ) -> Result<Outcome, WarehouseError> {
        let order = Message(order("A-1", article));
        reserve_stock(order, warehouse.clone(), Context::for_test("1")).await
    }

    #[tokio::test]
    async fn stock_is_reserved_and_an_unknown_article_given_up() {
        let warehouse = State::new(Warehouse::in_memory());
        assert_eq!(
            reserve("teapot", &warehouse).await.expect("reserved"),
            Outcome::Success
        );
        let outcome = reserve("unicorn", &warehouse).await.expect("an outcome");
        assert_eq!(
            outcome,
            Outcome::dead_letter("the warehouse has no such article as in line 1")
        );
    }

    #[tokio::test]
    async fn a_locked_hall_is_tried_again() {
        let warehouse = State::new(Warehouse::in_memory());
        assert!(matches!(
            reserve("kayak", &warehouse).await,
            Err(WarehouseError::Locked)
        ));
        assert!(matches!(
            reserve("kayak", &warehouse).await,
            Err(WarehouseError::Locked)
        ));
        assert_eq!(
            reserve("kayak", &warehouse).await.expect("reserved"),
            Outcome::Success
        );
    }
}
