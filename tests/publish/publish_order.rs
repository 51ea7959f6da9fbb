use m2m::orders::{OrderLine, OrderPlaced};
use pushgate::{Environment, Outgoing, PublishError, Publisher};

/// One publisher for the whole process: it batches, and repeats what fails for a moment.
pub(crate) async fn publish(environment: Environment) -> Result<String, PublishError> {
    let orders = Publisher::<OrderPlaced>::open(environment, "orders").await?;
    let order = OrderPlaced {
        order_id: "A-1001".into(),
        customer_email: "ada@example.com".into(),
        lines: vec![OrderLine {
            article: "teapot".into(),
            quantity: 2,
            price_cents: 1999,
        }],
    };
    let event = Outgoing::new(order)
        .event_id("A-1001-placed")
        .ordering_key("A-1001");
    orders.publish(event).await
}

#[tokio::main]
async fn main() -> Result<(), PublishError> {
    println!("{}", publish(Environment::of_process()).await?);
    Ok(())
}
