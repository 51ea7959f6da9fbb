use pushgate::{Message, Subscriber};

#[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
struct Refund {
    order_id: String,
}

async fn pay_back(refund: Message<Refund>) -> String {
    refund.0.order_id
}

fn main() {
    Subscriber::new("refunds-payment", pay_back);
}
