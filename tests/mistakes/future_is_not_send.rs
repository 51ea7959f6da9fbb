use pushgate::{Message, Outcome, Subscriber};

#[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
struct Refund {
    order_id: String,
}

async fn pay_back(refund: Message<Refund>) -> Outcome {
    let order_id = std::rc::Rc::new(refund.0.order_id);
    std::future::ready(()).await;
    drop(order_id);
    Outcome::Success
}

fn main() {
    Subscriber::new("refunds-payment", pay_back);
}
