//! Topic `orders`: the orders that customers have paid.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// An order that has been paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderPlaced {
    /// The order, unique in the shop.
    #[validate(length(min = 1, max = 64))]
    pub order_id: String,
    /// The e-mail address for the receipt.
    #[validate(email)]
    pub customer_email: String,
    /// The ordered articles.
    #[validate(length(min = 1, max = 100), nested)]
    pub lines: Vec<OrderLine>,
}

/// One article of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// The article, as the warehouse names it.
    #[validate(length(min = 1, max = 64))]
    pub article: String,
    /// The number of pieces.
    #[validate(range(min = 1, max = 999))]
    pub quantity: u32,
    /// The price of a piece in cents of a euro.
    pub price_cents: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_other_languages_write_it() {
        let json = r#"{"orderId":"A-1","customerEmail":"ada@example.com","channel":"web",
            "lines":[{"article":"teapot","quantity":2,"priceCents":1999}]}"#;
        let order: OrderPlaced = serde_json::from_str(json).expect("an order");
        assert!(order.validate().is_ok());
        let nothing = OrderPlaced {
            lines: Vec::new(),
            ..order
        };
        assert!(nothing.validate().is_err());
    }
}
