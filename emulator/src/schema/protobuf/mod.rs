//! Protocol Buffer definitions, and the check of messages against them.

mod compatibility;

use prost_reflect::{
    Cardinality, DeserializeOptions, DynamicMessage, MessageDescriptor, ReflectMessage, Value,
};
use protox::Compiler;
use protox::file::{File, FileResolver};

use super::mismatch::Mismatch;

/// The file name of the definition in the compiler's texts.
const FILE: &str = "schema.proto";

/// The only top-level type of a definition.
#[derive(Debug)]
pub(super) struct Protobuf(MessageDescriptor);

/// A resolver that has the definition and no file that it could import.
struct OneFile(File);

impl FileResolver for OneFile {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == FILE {
            return Ok(self.0.clone());
        }
        Err(protox::Error::file_not_found(name))
    }
}

impl Protobuf {
    /// Compiles a definition with one type at the top level and no import (Google, *Schema overview*, *Important information about
    /// schemas*).
    ///
    /// # Errors
    /// If the definition is invalid.
    pub(super) fn compile(definition: &str) -> Result<Self, String> {
        // The long form names the line; the short one does not.
        let text = |error: protox::Error| format!("{error:?}");
        let file = File::from_source(FILE, definition).map_err(text)?;
        let outline = file.file_descriptor_proto();
        if let Some(import) = outline.dependency.first() {
            return Err(format!(
                "imports are not supported, but there is one of {import:?}"
            ));
        }
        let types = outline.message_type.len() + outline.enum_type.len();
        if types != 1 {
            return Err(format!("expected one top-level type, found {types}"));
        }
        let mut compiler = Compiler::with_file_resolver(OneFile(file));
        compiler.open_file(FILE).map_err(text)?;
        let pool = compiler.descriptor_pool();
        let message = pool
            .get_file_by_name(FILE)
            .and_then(|file| file.messages().next());
        message
            .map(Self)
            .ok_or_else(|| "expected a message as the top-level type, found an enum".to_owned())
    }

    /// Checks that this definition may follow an earlier one.
    ///
    /// # Errors
    /// Returns the first change that is not allowed.
    pub(super) fn compare(&self, Self(earlier): &Self) -> Result<(), String> {
        let Self(descriptor) = self;
        compatibility::compare(earlier, descriptor)
    }

    /// Checks a message in JSON. Unknown fields are rejected.
    pub(super) fn check_json(&self, data: &[u8]) -> Result<(), Mismatch> {
        let options = DeserializeOptions::new().deny_unknown_fields(true);
        let mut json = serde_json::Deserializer::from_slice(data);
        let Self(descriptor) = self;
        let message =
            DynamicMessage::deserialize_with_options(descriptor.clone(), &mut json, &options);
        let message = message.and_then(|message| json.end().map(|()| message));
        let message = message.map_err(|error| Mismatch::new(error.to_string()))?;
        is_whole(&message)
    }

    /// Checks a message in binary form. Unknown fields are accepted, as is usual for Protocol Buffers.
    pub(super) fn check_binary(&self, data: &[u8]) -> Result<(), Mismatch> {
        let Self(descriptor) = self;
        let message = DynamicMessage::decode(descriptor.clone(), data)
            .map_err(|error| Mismatch::new(error.to_string()))?;
        is_whole(&message)
    }
}

/// Rejects a message without a required field, which `prost-reflect` accepts. The parsers bound the depth of a message and
/// so of this recursion.
fn is_whole(message: &DynamicMessage) -> Result<(), Mismatch> {
    for field in message.descriptor().fields() {
        if field.cardinality() == Cardinality::Required && !message.has_field(&field) {
            let missing = format!("the required field {:?} is missing", field.name());
            return Err(Mismatch::new(missing));
        }
    }
    for (field, value) in message.fields() {
        messages_are_whole(value).map_err(|mismatch| mismatch.inside(field.name()))?;
    }
    Ok(())
}

fn messages_are_whole(value: &Value) -> Result<(), Mismatch> {
    match value {
        Value::Message(message) => is_whole(message),
        Value::List(values) => values.iter().try_for_each(messages_are_whole),
        Value::Map(entries) => entries.values().try_for_each(messages_are_whole),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ORDER: &str = r#"
        syntax = "proto3";
        package shop;
        message Order {
          enum State { NEW = 0; PAID = 1; }
          message Line { string sku = 1; int32 count = 2; Line part = 3; }
          string order_id = 1;
          repeated Line lines = 2;
          State state = 3;
          map<string, Line> by_name = 4;
          oneof payment { string card = 5; int64 cash = 6; }
          bytes raw = 7;
        }"#;

    fn json(definition: &str, message: &str) -> Result<(), String> {
        let protobuf = Protobuf::compile(definition).unwrap();
        let checked = protobuf.check_json(message.as_bytes());
        checked.map_err(|mismatch| mismatch.to_string())
    }

    fn binary(definition: &str, message: &[u8]) -> Result<(), String> {
        let protobuf = Protobuf::compile(definition).unwrap();
        let checked = protobuf.check_binary(message);
        checked.map_err(|mismatch| mismatch.to_string())
    }

    fn rejected(definition: &str, expected: &str) {
        let reason = Protobuf::compile(definition).unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }

    #[test]
    fn a_definition_has_one_top_level_message() {
        rejected(
            "syntax = \"proto3\";",
            "expected one top-level type, found 0",
        );
        rejected(
            "syntax = \"proto3\"; message A {} message B {}",
            "expected one top-level type, found 2",
        );
        rejected(
            "syntax = \"proto3\"; message A {} enum B { C = 0; }",
            "expected one top-level type, found 2",
        );
        rejected(
            "syntax = \"proto3\"; enum B { C = 0; }",
            "expected a message as the top-level type, found an enum",
        );
    }

    #[test]
    fn a_definition_has_no_imports() {
        rejected(
            "syntax = \"proto3\"; import \"google/protobuf/any.proto\"; message A {}",
            "imports are not supported, but there is one of \"google/protobuf/any.proto\"",
        );
    }

    #[test]
    fn a_definition_without_a_syntax_is_proto2() {
        assert!(Protobuf::compile("message A { optional int32 a = 1; }").is_ok());
    }

    #[test]
    fn the_compilers_text_names_the_place() {
        rejected(
            "syntax = \"proto3\";\nmessage A { strin a = 1 }",
            "schema.proto:2:",
        );
        rejected(
            "syntax = \"proto3\";\nmessage A { Missing a = 1; }",
            "schema.proto:2:",
        );
        rejected(
            "syntax = \"proto3\";\nmessage A { int32 a = 1; int32 b = 1; }",
            "schema.proto:2:",
        );
        rejected("", "expected one top-level type, found 0");
        rejected("nonsense", "schema.proto:1:");
    }

    #[test]
    fn json_follows_the_rules_of_protocol_buffers() {
        assert_eq!(json(ORDER, "{}"), Ok(()));
        let message = r#"{"orderId": "o", "lines": [{"sku": "s", "count": 2}], "state": "PAID", "cash": "7", "raw": "AAE="}"#;
        assert_eq!(json(ORDER, message), Ok(()));
        assert_eq!(
            json(ORDER, r#"{"order_id": "o", "byName": {"a": {}}}"#),
            Ok(())
        );
        for wrong in [
            r#"{"unknown": 1}"#,
            r#"{"lines": [{"unknown": 1}]}"#,
            r#"{"orderId": 1}"#,
            r#"{"state": "LOST"}"#,
            r#"{"card": "c", "cash": "1"}"#,
            r#"{"raw": "?"}"#,
            "[]",
            "",
            "{} {}",
        ] {
            assert!(json(ORDER, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn binary_messages_may_have_unknown_fields_but_no_broken_ones() {
        assert_eq!(binary(ORDER, b""), Ok(()));
        assert_eq!(binary(ORDER, b"\x0a\x01o"), Ok(()));
        assert_eq!(binary(ORDER, b"\x0a\x01o\x50\x01"), Ok(()));
        assert!(binary(ORDER, b"\x0a\x02o").is_err());
        assert!(binary(ORDER, b"\x0a\x01\xff").is_err());
        assert!(binary(ORDER, b"\x08\x01").is_err());
    }

    #[test]
    fn required_fields_are_required_at_any_depth() {
        let definition = "message A { message B { required int32 c = 1; } optional B b = 1; repeated B all = 2; }";
        assert_eq!(json(definition, "{}"), Ok(()));
        assert_eq!(json(definition, r#"{"b": {"c": 0}}"#), Ok(()));
        let missing = |place: &str| Err(format!("{place}: the required field \"c\" is missing"));
        assert_eq!(json(definition, r#"{"b": {}}"#), missing("b"));
        assert_eq!(
            json(definition, r#"{"all": [{"c": 1}, {}]}"#),
            missing("all")
        );
        assert_eq!(binary(definition, b"\x0a\x00"), missing("b"));
    }

    #[test]
    fn depth_cannot_overflow_the_stack() {
        let list = "message A { optional A a = 1; optional group G = 2 { optional int32 g = 1; } }";
        let mut message = Vec::new();
        for _ in 0..20_000 {
            let mut outer = vec![0x0a];
            prost::encoding::encode_varint(message.len() as u64, &mut outer);
            outer.append(&mut message);
            message = outer;
        }
        assert!(binary(list, &message).is_err());
        // The start of an unknown group, repeated.
        assert!(binary(list, &[0x1b; 1_000_000]).is_err());
        let nested = format!("{}{{}}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        assert!(json(list, &nested).is_err());
        let nested = format!("{}{}", "message A {".repeat(20_000), "}".repeat(20_000));
        assert!(Protobuf::compile(&nested).is_err());
        let options = format!(
            "message A {{ option (a) = {}{}; }}",
            "{a:".repeat(20_000),
            "}".repeat(20_000)
        );
        assert!(Protobuf::compile(&options).is_err());
    }

    proptest! {
        #[test]
        fn no_definition_panics(
            definition in "((syntax|message|enum|oneof|map|optional|repeated|required|group|extend|extensions|reserved|option|int32|string|import|package|proto3|A|b) ?|[{}<>()\\[\\];=.,\"0-9 -]){0,40}",
        ) {
            let _ = Protobuf::compile(&definition);
            let _ = Protobuf::compile(&format!("syntax = \"proto3\"; message A {{ {definition} }}"));
        }

        #[test]
        fn no_message_panics(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}:,\"a-z0-9 ]{0,30}") {
            let order = Protobuf::compile(ORDER).unwrap();
            let _ = order.check_binary(&bytes);
            let _ = order.check_json(&bytes);
            let _ = order.check_json(text.as_bytes());
        }
    }
}
