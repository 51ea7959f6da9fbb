use pushgate::{Message, Outcome, Subscriber};

#[derive(validator::Validate, schemars::JsonSchema)]
struct Refund {
    order_id: String,
}

async fn pay_back(refund: Message<Refund>) -> Result<Outcome, std::io::Error> {
    drop(refund.0.order_id);
    Ok(Outcome::Success)
}

fn main() {
    Subscriber::new("refunds-payment", pay_back);
}
