use pushgate::{Outcome, Subscriber};

#[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
struct Refund {
    order_id: String,
}

async fn pay_back(refund: Refund) -> Outcome {
    drop(refund.order_id);
    Outcome::Success
}

fn main() {
    Subscriber::new("refunds-payment", pay_back);
}
