use pushgate::{Message, Outcome, Subscriber};

#[derive(serde::Deserialize, validator_0_20::Validate, schemars::JsonSchema)]
#[validate(crate = "validator_0_20")]
struct Refund {
    order_id: String,
}

async fn pay_back(refund: Message<Refund>) -> Outcome {
    drop(refund.0.order_id);
    Outcome::Success
}

fn main() {
    Subscriber::new("refunds-payment", pay_back);
}
