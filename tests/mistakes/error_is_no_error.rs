use pushgate::{Message, Outcome, Subscriber};

#[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
struct Refund {
    order_id: String,
}

struct Declined;

async fn pay_back(refund: Message<Refund>) -> Result<Outcome, Declined> {
    drop(refund.0.order_id);
    Err(Declined)
}

fn main() {
    Subscriber::new("refunds-payment", pay_back);
}
