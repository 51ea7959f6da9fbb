//! The form of a message's data, derived from the type that a handler reads, for documents.

use std::borrow::Cow;
use std::fmt;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The form of a message's data.
#[derive(Clone)]
pub enum Content {
    /// A JSON document.
    Json {
        /// The type's name in documents: letters, digits, `_`, `.` and `-`.
        name: Cow<'static, str>,
        /// Its JSON Schema, draft 7, which AsyncAPI and validators of every language read.
        schema: fn() -> Schema,
    },
    /// Bytes of an unknown form.
    Bytes,
    /// The handler reads the attributes alone.
    Attributes,
}

impl Content {
    /// Returns the form of a JSON document of this type.
    #[must_use]
    pub fn json<T: JsonSchema>() -> Self {
        Self::Json {
            name: T::schema_name(),
            schema: || {
                SchemaSettings::draft07()
                    .with_transform(RecursiveTransform(name_bounds))
                    .into_generator()
                    .into_root_schema_for::<T>()
            },
        }
    }
}

/// Replaces formats such as `uint32`, which only Rust knows, by bounds.
fn name_bounds(schema: &mut Schema) {
    let bounds: (Value, Value) = match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => (0.into(), u8::MAX.into()),
        Some("uint16") => (0.into(), u16::MAX.into()),
        Some("uint32") => (0.into(), u32::MAX.into()),
        Some("uint64" | "uint") => (0.into(), u64::MAX.into()),
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("int16") => (i16::MIN.into(), i16::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("int64" | "int") => (i64::MIN.into(), i64::MAX.into()),
        Some("float" | "double") => {
            schema.remove("format");
            return;
        }
        _ => return,
    };
    schema.remove("format");
    for (bound, value) in [("minimum", bounds.0), ("maximum", bounds.1)] {
        if schema.get(bound).is_none() {
            schema.insert(bound.to_owned(), value);
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { name, .. } => write!(f, "Json({name})"),
            Self::Bytes => f.write_str("Bytes"),
            Self::Attributes => f.write_str("Attributes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::handler::message::PayloadType;
    use crate::{Attributes, Raw};

    #[derive(serde::Deserialize, validator::Validate, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Refund {
        /// The order.
        #[validate(length(min = 1, max = 64))]
        order_id: String,
        #[validate(range(min = 1))]
        cents: u32,
        note: Option<String>,
    }

    #[test]
    fn the_schema_describes_the_fields_of_the_type() {
        let Content::Json { name, schema } = PayloadType::of::<Refund>().content else {
            panic!("JSON");
        };
        assert_eq!(name, "Refund");
        let schema = schema().to_value();
        assert_eq!(
            schema["properties"]["orderId"],
            serde_json::json!({"type": "string", "description": "The order.", "minLength": 1, "maxLength": 64})
        );
        assert_eq!(schema["properties"]["cents"]["minimum"], 1);
        assert_eq!(schema["required"], serde_json::json!(["orderId", "cents"]));
        let refund = Refund {
            order_id: "A-1".into(),
            cents: 1,
            note: None,
        };
        assert!(refund.order_id.len() + refund.cents as usize + refund.note.iter().len() > 0);
    }

    #[test]
    fn a_message_is_checked_as_the_handler_would_read_it() {
        let payload = PayloadType::of::<Refund>();
        let check = |data: &'static str| payload.check(&data.into(), &Arc::default());
        assert!(check(r#"{"orderId": "A-1", "cents": 5}"#).is_ok());
        let found = check(r#"{"orderId": "A-1", "cents": 0}"#).map_err(|error| error.to_string());
        assert!(
            found.as_ref().is_err_and(|text| text.contains("cents")),
            "{found:?}"
        );
    }

    #[test]
    fn bytes_have_no_schema() {
        assert!(matches!(PayloadType::of::<Raw>().content, Content::Bytes));
    }

    #[test]
    fn attributes_have_no_schema() {
        let attributes = PayloadType::of::<Attributes>().content;
        assert!(matches!(attributes, Content::Attributes));
    }
}
