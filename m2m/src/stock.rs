//! Topic `stock-reports`: requests for a report of reserved stock. Pub/Sub validates the messages against [`AVRO`], too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// The topic's Pub/Sub schema.
pub const AVRO: &str = include_str!("../avro/stock-reports.avsc");

/// A request for a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportRequested {
    /// The hall to report on, or `all`.
    #[validate(length(min = 1, max = 64))]
    pub hall: String,
    /// The number of past days to report on.
    #[validate(range(min = 1, max = 366))]
    pub days: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemas_have_the_same_fields() {
        let avro: serde_json::Value = serde_json::from_str(AVRO).expect("JSON");
        let fields = avro["fields"].as_array().expect("fields");
        let names: Vec<&str> = fields
            .iter()
            .filter_map(|field| field["name"].as_str())
            .collect();
        let wish = ReportRequested {
            hall: "all".into(),
            days: 1,
        };
        let json = serde_json::to_value(wish).expect("JSON");
        let json: Vec<&str> = json
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            {
                let mut names = names;
                names.sort_unstable();
                names
            },
            json
        );
    }
}
