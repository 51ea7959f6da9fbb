//! The payload that a handler takes: typed JSON, raw bytes, or attributes only.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use validator::{Validate, ValidationErrors};

use crate::handler::content::Content;
use crate::handler::field_names::Place;
use crate::handler::objects::Objects;
use crate::handler::violations;
use crate::loggable::decoding::{decode_noting, decode_seed};
use crate::loggable::strict::{Thinning, Trail};

/// The payload of one message, decoded and validated before the handler runs. It dereferences to the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<T>(
    /// The payload.
    pub T,
);

impl<T> Deref for Message<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The published data, at most 10 MB (Google, *Quotas and limits*); empty for a message with attributes only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw(
    /// The bytes.
    pub Bytes,
);

/// The attributes only, for messages without data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes(
    /// Names and values, at most 100 pairs (Google, *Quotas and limits*).
    pub Arc<BTreeMap<String, String>>,
);

impl Deref for Raw {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl Deref for Attributes {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// A type into which a message can be decoded: a `serde` type with `validator` rules and a `schemars` schema, as JSON, or [`Raw`],
/// or [`Attributes`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be decoded from a message",
    note = "derive `serde::Deserialize`, `validator::Validate` and `schemars::JsonSchema` for a JSON payload, or take `Message<Raw>` or `Message<Attributes>`"
)]
pub trait Payload: Sized + Send + 'static {
    /// Decodes and validates a message.
    ///
    /// # Errors
    /// If the message is invalid. The error names every invalid place, and never a value, since it is logged.
    fn decode(
        data: &Bytes,
        attributes: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, PayloadError>;

    /// Returns the form of the data, for documents.
    #[must_use]
    fn content() -> Content {
        Content::Bytes
    }
}

impl<T: DeserializeOwned + Validate + JsonSchema + Send + 'static> Payload for T {
    fn content() -> Content {
        Content::json::<T>()
    }

    fn decode(
        data: &Bytes,
        _attributes: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, PayloadError> {
        let trail = Trail::default();
        let payload: T = decode_noting(data, &trail).map_err(PayloadError::new)?;
        if trail.has_opaque_array() {
            let schema = schema_of::<T>();
            decode_seed(data, &Trail::default(), Objects::of(&schema))
                .map_err(PayloadError::new)?;
        }
        let violations = if trail.elements() > SAMPLE_ELEMENTS {
            violations_of_sample::<T>(data, trail.elements())
        } else {
            Vec::new()
        };
        if !violations.is_empty() {
            return Err(PayloadError { violations });
        }
        payload.validate().map_err(|errors| PayloadError {
            violations: violations::sentences(&errors, &Place::root(&schema_of::<T>())),
        })?;
        Ok(payload)
    }
}

/// The number of elements above which a sample of the document is validated first. `validator` collects all violations, about a
/// kilobyte for each element of an array, and for a rule of an array a copy of the whole array.
const SAMPLE_ELEMENTS: usize = 16_384;

/// Returns the violations of a sample that the whole document has, too.
fn violations_of_sample<T: DeserializeOwned + Validate + JsonSchema + 'static>(
    data: &[u8],
    elements: usize,
) -> Vec<String> {
    let thinning = Thinning::to(SAMPLE_ELEMENTS, elements);
    // A type may require all elements; then the whole document is validated.
    let Ok(sample) = decode_noting::<T>(data, &Trail::thinned(thinning)) else {
        return Vec::new();
    };
    let Err(errors) = sample.validate() else {
        return Vec::new();
    };
    violations::sentences_of_sample(&errors, &Place::root(&schema_of::<T>()), thinning)
}

/// Returns the type's JSON Schema, which is generated once.
fn schema_of<T: JsonSchema + 'static>() -> Arc<Value> {
    static SCHEMAS: Mutex<BTreeMap<TypeId, Arc<Value>>> = Mutex::new(BTreeMap::new());
    let mut schemas = SCHEMAS.lock().unwrap_or_else(PoisonError::into_inner);
    let schema = schemas
        .entry(TypeId::of::<T>())
        .or_insert_with(|| match Content::json::<T>() {
            Content::Json { schema, .. } => Arc::new(schema().to_value()),
            Content::Bytes | Content::Attributes => Arc::new(Value::Null),
        });
    Arc::clone(schema)
}

impl Payload for Raw {
    fn decode(
        data: &Bytes,
        _attributes: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, PayloadError> {
        Ok(Self(data.clone()))
    }
}

impl Payload for Attributes {
    fn content() -> Content {
        Content::Attributes
    }

    fn decode(
        _data: &Bytes,
        attributes: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, PayloadError> {
        Ok(Self(Arc::clone(attributes)))
    }
}

/// The reason why a payload does not fit its type. The text names places, expectations and rules, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("payload does not fit: {}", .violations.join("; "))]
pub struct PayloadError {
    violations: Vec<String>,
}

impl PayloadError {
    /// Returns a sentence for each invalid place; never empty.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Creates the error of a hand-written [`Payload`] from a violation, which must not contain a value.
    pub fn new(violation: impl Into<String>) -> Self {
        Self {
            violations: vec![violation.into()],
        }
    }

    /// Creates the error of a type without a schema, with the names of fields in Rust.
    pub(crate) fn invalid(errors: &ValidationErrors) -> Self {
        Self {
            violations: violations::sentences(errors, &Place::default()),
        }
    }
}

type Check = fn(&Bytes, &Arc<BTreeMap<String, String>>) -> Result<(), PayloadError>;

/// The payload that a handler takes.
#[derive(Clone, Debug)]
pub struct PayloadType {
    pub(crate) content: Content,
    check: Check,
}

impl PayloadType {
    /// Returns the payload of a handler that takes `Message<T>`.
    #[must_use]
    pub fn of<T: Payload>() -> Self {
        Self {
            content: T::content(),
            check: |data, attributes| T::decode(data, attributes).map(drop),
        }
    }

    /// Validates a message as the handler does.
    ///
    /// # Errors
    /// If the message is invalid. The error names every invalid place, and never a value.
    pub fn check(
        &self,
        data: &Bytes,
        attributes: &Arc<BTreeMap<String, String>>,
    ) -> Result<(), PayloadError> {
        (self.check)(data, attributes)
    }
}

#[cfg(test)]
#[expect(
    clippy::too_many_lines,
    dead_code,
    reason = "types beside their assertions, of which some fields are only decoded"
)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, Validate, JsonSchema)]
    struct Order {
        #[validate(length(min = 1))]
        customer: String,
        #[validate(nested)]
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize, Validate, JsonSchema)]
    struct Line {
        #[validate(range(min = 1, max = 9))]
        quantity: u32,
    }

    fn violations(json: &str) -> Vec<String> {
        let error = Order::decode(&Bytes::from(json.to_owned()), &Arc::default())
            .expect_err("does not fit");
        error.violations().to_vec()
    }

    #[test]
    fn all_violations_are_reported_without_values() {
        let found = violations(r#"{"customer":"","lines":[{"quantity":3},{"quantity":4711}]}"#);
        assert_eq!(
            found,
            [
                "`customer` breaks the rule length (min 1)",
                "`lines[1].quantity` breaks the rule range (max 9, min 1)"
            ]
        );
    }

    #[test]
    fn a_wrong_type_is_reported_without_its_value() {
        let found =
            violations(r#"{"customer":"c","lines":[{"quantity":"hush, expected nothing"}]}"#);
        assert_eq!(
            found,
            ["`lines[0].quantity` (line 1, column 61): expected u32"]
        );
    }

    #[test]
    fn a_missing_field_is_named() {
        assert_eq!(
            violations(r#"{"lines":[]}"#),
            ["the document (line 1, column 12): missing field `customer`"]
        );
    }

    #[test]
    fn the_number_of_violations_is_limited() {
        #[derive(Deserialize, Validate, JsonSchema)]
        struct Account {
            #[validate(must_match(other = "password"))]
            again: String,
            password: String,
        }
        let error = Account::decode(
            &Bytes::from(r#"{"again":"x","password":"hush"}"#),
            &Arc::default(),
        )
        .err();
        assert_eq!(
            error.expect("does not fit").violations(),
            ["`again` breaks the rule must_match"]
        );
        let line = r#"{"quantity":0}"#;
        let many = violations(&format!(
            r#"{{"customer":"c","lines":[{}]}}"#,
            vec![line; 1000].join(",")
        ));
        assert_eq!(many.len(), 51);
        assert_eq!(many.last().map(String::as_str), Some("and more"));
    }

    #[test]
    fn a_key_of_a_map_is_shown_only_if_it_may_be_a_name() {
        type Balances = std::collections::HashMap<String, u32>;
        let at = |json: &str| {
            crate::loggable::decoding::decode::<Balances>(json.as_bytes()).expect_err("no number")
        };
        assert_eq!(
            at(r#"{"ada@example.com":"x"}"#),
            "`…` (line 1, column 22): expected u32"
        );
        assert_eq!(
            at(r#"{"ada":"x"}"#),
            "`ada` (line 1, column 10): expected u32"
        );
    }

    #[test]
    fn violations_name_fields_as_json_does() {
        #[derive(Deserialize, Validate, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        struct Booking {
            #[validate(email)]
            customer_email: String,
            #[serde(rename = "pax")]
            #[validate(range(min = 1, max = 9))]
            number_of_guests: u32,
            #[serde(rename = "stay", default)]
            #[validate(nested)]
            nights: Vec<Night>,
            #[validate(nested)]
            paid_by: Option<Card>,
            #[serde(flatten)]
            #[validate(nested)]
            hotel: Hotel,
            #[serde(rename = "same1")]
            #[validate(length(min = 1))]
            one_of_two: String,
            #[serde(rename = "same2")]
            #[validate(length(min = 1))]
            other_of_two: String,
        }
        #[derive(Deserialize, Validate, JsonSchema)]
        #[serde(rename_all = "SCREAMING-KEBAB-CASE")]
        struct Night {
            #[validate(length(min = 2, max = 5))]
            room_number: String,
        }
        #[derive(Deserialize, Validate, JsonSchema)]
        struct Card {
            #[serde(rename = "PAN")]
            #[validate(length(equal = 16))]
            number: String,
        }
        #[derive(Deserialize, Validate, JsonSchema)]
        #[serde(rename_all = "PascalCase")]
        struct Hotel {
            #[validate(length(max = 3))]
            hotel_code: String,
        }
        let json = r#"{"customerEmail":"hush","pax":0,"stay":[{"ROOM-NUMBER":"12"},{"ROOM-NUMBER":"1"}],
            "paidBy":{"PAN":"1"},"HotelCode":"long","same1":"","same2":"s"}"#;
        let booking = Booking::decode(&Bytes::from_static(json.as_bytes()), &Arc::default());
        let found = booking.err().expect("does not fit");
        assert_eq!(
            found.violations(),
            [
                "`customerEmail` breaks the rule email",
                "`HotelCode` breaks the rule length (max 3)",
                "`stay[1].ROOM-NUMBER` breaks the rule length (max 5, min 2)",
                "`pax` breaks the rule range (max 9, min 1)",
                "`one_of_two` breaks the rule length (min 1)", // two fields have this rule
                "`paidBy.PAN` breaks the rule length (equal 16)",
            ]
        );
    }

    #[test]
    fn many_violations_are_found_in_a_sample() {
        #[derive(Debug, Deserialize, Validate, JsonSchema)]
        struct Flood {
            #[validate(length(max = 100))]
            #[serde(default)]
            short: Vec<u8>,
            #[validate(length(min = 30_000))]
            #[serde(default)]
            long: Vec<u8>,
            #[validate(nested)]
            #[serde(default)]
            lines: Vec<Line>,
        }
        let read = |json: String| {
            let flood = Flood::decode(&Bytes::from(json), &Arc::default());
            flood.map_err(|error| error.violations().to_vec())
        };
        let array = |element: &str, times: usize| format!("[{}]", vec![element; times].join(","));
        let good = read(format!(r#"{{"long":{}}}"#, array("0", 40_000))).expect("good");
        assert_eq!(good.long.len(), 40_000);
        assert_eq!(good.short.len(), 0);
        let short = read(format!(r#"{{"short":{}}}"#, array("0", 40_000))).expect_err("too long");
        assert_eq!(
            short,
            ["`short` breaks the rule length (max 100)", "and more"]
        );
        let late = format!(
            r#"{{"long":{},"lines":[{},{}]}}"#,
            array("0", 30_000),
            vec![r#"{"quantity":1}"#; 20_000].join(","),
            vec![r#"{"quantity":0}"#; 20_000].join(",")
        );
        let late = read(late).expect_err("violations");
        assert_eq!(late.len(), 51);
        assert_eq!(late.last().map(String::as_str), Some("and more"));
        for sentence in late.iter().take(50) {
            let index = sentence
                .strip_prefix("`lines[")
                .and_then(|rest| rest.split(']').next());
            let index: usize = index.expect("a line").parse().expect("its index");
            assert!((20_000..40_000).contains(&index), "{sentence}");
        }
        let one = format!(
            r#"{{"lines":[{},{{"quantity":0}}]}}"#,
            vec![r#"{"quantity":1}"#; 40_000].join(",")
        );
        let long = read(one).expect_err("one violation");
        assert_eq!(
            long.first().map(String::as_str),
            Some("`lines[40000].quantity` breaks the rule range (max 9, min 1)")
        );
    }

    #[test]
    fn structs_are_read_from_objects_only_at_every_depth() {
        #[derive(Debug, Deserialize, Validate, JsonSchema)]
        struct Shipment {
            #[serde(default)]
            parcels: std::collections::BTreeMap<String, Vec<Option<Parcel>>>,
            #[serde(default)]
            carrier: Option<Carrier>,
            #[serde(default)]
            at: (f64, f64),
        }
        #[derive(Debug, Deserialize, JsonSchema)]
        struct Parcel(Size);
        #[derive(Debug, Deserialize, JsonSchema)]
        struct Size {
            grams: u32,
        }
        #[derive(Debug, Deserialize, JsonSchema)]
        enum Carrier {
            Own,
            Post { stamps: u8 },
            Both(u8, Size),
        }
        let read = |json: &str| {
            let shipment = Shipment::decode(&Bytes::from(json.to_owned()), &Arc::default());
            shipment.map_err(|error| error.violations().to_vec())
        };
        for good in [
            r#"{"parcels":{"a":[{"grams":1},null]},"at":[1,2.5]}"#,
            r#"{"carrier":"Own"}"#,
            r#"{"carrier":{"Post":{"stamps":1}}}"#,
            r#"{"carrier":{"Both":[1,{"grams":2}]}}"#,
        ] {
            let read = read(good).expect(good);
            drop((read.parcels, read.carrier, read.at));
        }
        for (bad, place) in [
            ("[]", "the document"),
            ("[{}]", "the document"),
            (r#"{"parcels":{"a":[[1]]}}"#, "`parcels.a[0]`"),
            (r#"{"carrier":{"Post":[1]}}"#, "`carrier.Post`"),
            (r#"{"carrier":{"Both":[1,[2]]}}"#, "`carrier.Both[1]`"),
        ] {
            let found = read(bad).expect_err(bad).join("; ");
            let expected = "expected an object, not an array";
            assert!(
                found.starts_with(place) && found.ends_with(expected),
                "{found}"
            );
        }
    }

    #[test]
    fn nested_structs_are_read_from_objects_only() {
        #[derive(Debug, Deserialize, Validate, JsonSchema)]
        struct Parcel {
            #[serde(default)]
            events: Vec<Event>,
            #[serde(default)]
            extra: serde_json::Value,
            #[serde(flatten)]
            label: Label,
        }
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(tag = "kind")]
        enum Event {
            Moved { to: Size, via: Vec<(f64, f64)> },
        }
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        struct Label {
            #[serde(default)]
            sizes: Vec<Either>,
            #[serde(default)]
            tags: std::collections::BTreeMap<String, Vec<u8>>,
        }
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(untagged)]
        enum Either {
            Name(String),
            Size(Size),
        }
        #[derive(Debug, Deserialize, JsonSchema)]
        struct Size {
            grams: u32,
        }
        let read = |json: &str| {
            let parcel = Parcel::decode(&Bytes::from(json.to_owned()), &Arc::default());
            parcel.map_err(|error| error.violations().to_vec())
        };
        let good = r#"{"events":[{"kind":"Moved","to":{"grams":1},"via":[[1,2],[3,4]]}],"extra":[[{"a":[]}]],
            "sizes":["small",{"grams":2}],"tags":{"a":[1]}}"#;
        let parcel = read(good).expect("good");
        let Event::Moved { to, via } = &parcel.events[0];
        assert_eq!(to.grams, 1);
        assert_eq!(via.len(), 2);
        assert_eq!(parcel.label.tags.len(), 1);
        assert!(parcel.extra.is_array());
        assert!(matches!(
            &parcel.label.sizes[..],
            [Either::Name(_), Either::Size(_)]
        ));
        for (bad, place) in [
            (
                r#"{"events":[{"kind":"Moved","to":[1],"via":[]}]}"#,
                "events[0].to",
            ),
            (r#"{"events":[["Moved",{"grams":1},[]]]}"#, "events[0]"),
            (r#"{"sizes":["small",[2]]}"#, "sizes[1]"),
        ] {
            let found = read(bad).expect_err(bad);
            let is_refused = found[0].starts_with(&format!("`{place}`"))
                && found[0].ends_with("expected an object, not an array");
            assert!(is_refused, "{found:?}");
        }
    }

    #[test]
    fn a_field_that_is_given_twice_is_named() {
        assert_eq!(
            violations(r#"{"customer":"hush","lines":[],"customer":"hush"}"#),
            ["the document (line 1, column 40): field `customer` is given twice"]
        );
        assert_eq!(
            violations(r#"{"customer":"c","lines":[{"quantity":1,"quantity":1}]}"#),
            ["`lines[0]` (line 1, column 49): field `quantity` is given twice"]
        );
    }

    #[test]
    fn a_large_value_is_not_quoted() {
        let large = r"\u007f".repeat(100_000);
        for json in [
            format!(r#"{{"customer":"c","lines":[{{"quantity":"{large}"}}]}}"#),
            format!(r#"{{"customer":"c","lines":"{large}"}}"#),
            format!(r#""{large}""#),
        ] {
            let found = violations(&json);
            assert!(found.iter().all(|text| text.len() < 100), "{found:?}");
        }
    }

    #[test]
    fn a_document_that_is_not_json_is_rejected() {
        assert_eq!(
            violations("hush"),
            ["the document (line 1, column 1): not valid JSON"]
        );
        assert_eq!(
            violations(""),
            ["the document (line 1, column 0): not valid JSON"]
        );
        let more = violations(r#"{"customer":"c","lines":[]} hush"#);
        assert_eq!(
            more,
            ["more data after the JSON document (line 1, column 29)"]
        );
    }
}
