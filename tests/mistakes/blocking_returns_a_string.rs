use pushgate::{Message, Subscriber};

#[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
struct Refund {
    order_id: String,
}

fn pay_back(refund: Message<Refund>) -> Result<String, std::io::Error> {
    Ok(refund.0.order_id)
}

fn main() {
    Subscriber::blocking("refunds-payment", pay_back);
}
