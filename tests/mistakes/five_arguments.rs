use pushgate::{Message, Outcome, Subscriber};

#[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
struct Refund {
    order_id: String,
}

async fn pay_back(
    refund: Message<Refund>,
    _: pushgate::Context,
    _: pushgate::Context,
    _: pushgate::Context,
    _: pushgate::Context,
) -> Outcome {
    drop(refund.0.order_id);
    Outcome::Success
}

fn main() {
    Subscriber::new("refunds-payment", pay_back);
}
