//! The JSON Schemas of the types that handlers read, by name.

use std::collections::BTreeMap;

use schemars::Schema;
use serde_json::Value;

use super::error::DeriveError;
use crate::handler::content::Content;
use crate::subscriber::Subscriber;

/// The schemas by name, draft 7. Objects stay open: readers ignore unknown fields.
pub(super) struct Schemas<'a>(BTreeMap<&'a str, Known<'a>>);

struct Known<'a> {
    schema: Schema,
    subscriber: &'a Subscriber,
}

/// Makes a schema on demand.
pub(crate) type MakeSchema = fn() -> Schema;

/// Returns the name and the schema of the JSON type that a subscriber reads, if it reads one.
pub(crate) fn json_type(subscriber: &Subscriber) -> Option<(&str, MakeSchema)> {
    match &subscriber.payload()?.content {
        Content::Json { name, schema } => Some((name, *schema)),
        Content::Bytes | Content::Attributes => None,
    }
}

impl<'a> Schemas<'a> {
    /// Returns the schemas of all types that the handlers read.
    ///
    /// # Errors
    /// If two types have one name, or names that differ only in capital letters, which some file systems do not distinguish, or if
    /// a name cannot name a file.
    pub(super) fn of(subscribers: &'a [Subscriber]) -> Result<Self, DeriveError> {
        let mut schemas = Self(BTreeMap::new());
        for subscriber in subscribers {
            if let Some((name, schema)) = json_type(subscriber) {
                schemas.add(name, schema(), subscriber)?;
            }
        }
        Ok(schemas)
    }

    /// By name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a str, &Schema)> {
        self.0.iter().map(|(name, known)| (*name, &known.schema))
    }

    /// Returns the comment of the type.
    pub(super) fn description(&self, name: &str) -> Option<&str> {
        let known = self.0.get(name)?;
        known.schema.get("description").and_then(Value::as_str)
    }

    fn add(
        &mut self,
        name: &'a str,
        schema: Schema,
        subscriber: &'a Subscriber,
    ) -> Result<(), DeriveError> {
        if !is_file_name(name) {
            return Err(DeriveError::TypeName {
                name: name.to_owned(),
                subscriber: subscriber.id.clone(),
            });
        }
        let same = |known: &&str| known.eq_ignore_ascii_case(name);
        let rival = self.0.keys().copied().find(same);
        let rival = rival.and_then(|known| Some((known, self.0.get(known)?)));
        match rival {
            Some((known, rival)) if known != name || rival.schema != schema => {
                Err(DeriveError::SameName {
                    name: name.to_owned(),
                    one: rival.subscriber.id.clone(),
                    other: subscriber.id.clone(),
                })
            }
            Some(_) => Ok(()),
            None => {
                self.0.insert(name, Known { schema, subscriber });
                Ok(())
            }
        }
    }
}

/// Returns true if a schema's file may have this name on every file system.
pub(super) fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || "_.-".contains(each))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Idempotency, Message};

    mod one {
        #[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
        pub(super) struct Order {
            #[validate(range(min = 1))]
            pub(super) pieces: u32,
            pub(super) change: i8,
            pub(super) price: f64,
        }
    }

    mod other {
        #[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
        pub(super) struct Order {
            pub(super) id: String,
        }
        #[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
        #[schemars(rename = "ORDER")]
        pub(super) struct Shout {
            pub(super) id: String,
        }
        #[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
        #[schemars(rename = "../order")]
        pub(super) struct Astray {
            pub(super) id: String,
        }
    }

    fn declared(subscriber: Subscriber) -> Subscriber {
        subscriber.idempotency(Idempotency::by_message_id())
    }

    fn reads_one(id: &str) -> Subscriber {
        declared(Subscriber::new(id, async |order: Message<one::Order>| {
            let one::Order {
                pieces,
                change,
                price,
            } = order.0;
            let _all = (pieces, change, price);
        }))
    }

    #[test]
    fn formats_that_only_rust_knows_become_bounds() {
        let subscribers = [reads_one("one"), reads_one("two")];
        let schemas = Schemas::of(&subscribers).expect("schemas");
        let all: Vec<_> = schemas.all().collect();
        assert_eq!(all.len(), 1);
        let properties = all[0].1.get("properties").expect("properties");
        assert_eq!(
            properties,
            &serde_json::json!({
                "pieces": {"type": "integer", "minimum": 1, "maximum": 4_294_967_295_u32},
                "change": {"type": "integer", "minimum": -128, "maximum": 127},
                "price": {"type": "number"},
            })
        );
        assert_eq!(all[0].1.get("additionalProperties"), None);
    }

    fn check(other: Subscriber, expected: &str) {
        let subscribers = [reads_one("orders-mail"), other];
        let error = Schemas::of(&subscribers)
            .err()
            .expect("rejected")
            .to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn two_types_of_one_name_are_refused() {
        let same = Subscriber::new("orders-print", async |order: Message<other::Order>| {
            drop(order.0.id)
        });
        check(
            declared(same),
            "subscriber \"orders-mail\" and subscriber \"orders-print\" read different types that are both named \"Order\"",
        );
    }

    #[test]
    fn names_that_differ_only_in_case_are_refused() {
        let shout = Subscriber::new("shout", async |order: Message<other::Shout>| {
            drop(order.0.id)
        });
        check(declared(shout), "both named \"ORDER\"");
    }

    #[test]
    fn a_type_whose_name_cannot_name_a_file_is_refused() {
        let astray = Subscriber::new("astray", async |order: Message<other::Astray>| {
            drop(order.0.id)
        });
        check(
            declared(astray),
            "named \"../order\", which cannot name a file",
        );
    }
}
