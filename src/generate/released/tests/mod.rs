use serde_json::{Value, json};

use super::comparison::compare;
use super::*;
use crate::{Context, Message, Subscriber};

/// Checks the effect and place of each change between two schemas of a field `a`.
fn check(old: &Value, new: &Value, expected: &[(Effect, &str)]) {
    let object =
        |field: &Value| json!({"type": "object", "properties": {"a": field}, "required": ["a"]});
    let changes = compare(&object(old), &object(new));
    let found: Vec<_> = changes
        .iter()
        .map(|each| (each.effect, each.place.as_str()))
        .collect();
    assert_eq!(found, expected, "{old} to {new}: {changes:?}");
}

fn breaks(old: &Value, new: &Value) {
    check(old, new, &[(Effect::Breaks, "$.a")]);
}

fn fits(old: &Value, new: &Value) {
    check(old, new, &[]);
}

#[test]
fn a_schema_fits_itself() {
    let text = json!({"type": "string"});
    fits(&text, &text);
    fits(
        &text,
        &json!({"type": "string", "title": "A", "description": "b", "default": "c", "x-d": 1}),
    );
}

#[test]
fn a_schema_fits_a_wider_one() {
    let text = json!({"type": "string"});
    fits(&text, &json!(true));
    fits(&text, &json!({"type": ["string", "null"]}));
    fits(&json!({"type": "integer"}), &json!({"type": "number"}));
    fits(
        &json!({"type": "string", "maxLength": 5}),
        &json!({"type": "string", "maxLength": 6}),
    );
    fits(&json!({"type": "string", "format": "email"}), &text);
    fits(
        &json!({"type": "integer", "format": "uint8", "minimum": 0}),
        &json!({"type": "integer", "format": "int32"}),
    );
    fits(
        &json!({"type": "string", "enum": ["x"]}),
        &json!({"type": "string", "enum": ["x", "y"]}),
    );
    fits(
        &json!({"enum": ["x"]}),
        &json!({"oneOf": [{"const": "y"}, {"const": "x"}]}),
    );
    fits(
        &text,
        &json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
    );
    fits(
        &json!({"type": ["string", "null"]}),
        &json!({"anyOf": [{"type": "null"}, {"type": "string"}]}),
    );
    fits(&json!(false), &text);
}

#[test]
fn each_narrowing_is_found() {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer"});
    breaks(&json!({"type": ["string", "null"]}), &text);
    breaks(&text, &number);
    breaks(&json!({"type": "number"}), &number);
    breaks(&json!(true), &text);
    breaks(&text, &json!(false));
    breaks(&text, &json!({"type": "string", "minLength": 1}));
    breaks(&text, &json!({"type": "string", "maxLength": 9}));
    breaks(&text, &json!({"type": "string", "pattern": "^a"}));
    breaks(&text, &json!({"type": "string", "format": "email"}));
    breaks(&text, &json!({"type": "string", "enum": ["x"]}));
    breaks(&json!({"enum": ["x", "y"]}), &json!({"enum": ["x"]}));
    breaks(&number, &json!({"type": "integer", "minimum": 0}));
    breaks(
        &json!({"type": "integer", "minimum": 0}),
        &json!({"type": "integer", "exclusiveMinimum": 0}),
    );
    breaks(
        &json!({"type": "integer", "format": "int64"}),
        &json!({"type": "integer", "format": "int32"})
            .clone()
            .with_both_ends(),
    );
    breaks(&number, &json!({"type": "integer", "multipleOf": 2}));
    let list = json!({"type": "array", "items": {"type": "string"}});
    breaks(
        &list,
        &json!({"type": "array", "items": {"type": "string"}, "minItems": 1}),
    );
    breaks(
        &list,
        &json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}),
    );
    breaks(
        &json!({"type": "object"}),
        &json!({"type": "object", "additionalProperties": false}),
    );
    check(
        &list,
        &json!({"type": "array", "items": {"type": "integer"}}),
        &[(Effect::Breaks, "$.a[]")],
    );
}

trait BothEnds {
    fn with_both_ends(self) -> Self;
}

impl BothEnds for Value {
    /// The lower end of the old range as the new one's, so that one end alone is narrower.
    fn with_both_ends(mut self) -> Self {
        self["format"] = json!("int64");
        self["maximum"] = json!(i32::MAX);
        self
    }
}

fn object(properties: Value, required: Value) -> Value {
    json!({"type": "object", "properties": properties, "required": required})
}

/// Returns the changes from an object with a required `id` and an optional `note`, which `change` turns into the new schema.
fn changes(change: impl FnOnce(&mut Value)) -> Vec<(Effect, String)> {
    let both = json!({"id": {"type": "string"}, "note": {"type": "string"}});
    let old = object(both, json!(["id"]));
    let mut new = old.clone();
    change(&mut new);
    let changes = compare(&old, &new).into_iter();
    changes.map(|each| (each.effect, each.place)).collect()
}

#[test]
fn a_field_may_become_optional() {
    assert_eq!(changes(|new| new["required"] = json!([])), []);
}

#[test]
fn a_field_that_becomes_required_breaks() {
    assert_eq!(
        changes(|new| new["required"] = json!(["id", "note"])),
        [(Effect::Breaks, "$.note".into())]
    );
}

#[test]
fn an_optional_field_may_be_added() {
    let more = |new: &mut Value| new["properties"]["more"] = json!({"type": "string"});
    assert_eq!(changes(more), []);
}

#[test]
fn a_new_field_that_is_required_breaks() {
    let more = |new: &mut Value| {
        new["properties"]["more"] = json!({"type": "string"});
        new["required"] = json!(["id", "more"]);
    };
    assert_eq!(changes(more), [(Effect::Breaks, "$.more".into())]);
}

#[test]
fn a_removed_field_is_found() {
    let fewer = |new: &mut Value| new["properties"] = json!({"id": {"type": "string"}});
    assert_eq!(changes(fewer), [(Effect::Removes, "$.note".into())]);
}

#[test]
fn a_field_removed_from_a_closed_object_breaks() {
    let closed = |new: &mut Value| {
        new["properties"] = json!({"id": {"type": "string"}});
        new["additionalProperties"] = json!(false);
    };
    assert_eq!(
        changes(closed),
        [
            (Effect::Breaks, "$".into()),
            (Effect::Breaks, "$.note".into())
        ]
    );
}

#[test]
fn references_are_followed_also_around_a_circle() {
    let tree = |name: &str, leaf: Value| {
        json!({"$ref": format!("#/definitions/{name}"), "definitions": {name: {"type": "object", "properties": {
            "name": leaf,
            "under": {"type": "array", "items": {"allOf": [{"$ref": format!("#/definitions/{name}")}], "description": "x"}},
        }}}})
    };
    let old = tree("Tree", json!({"type": "string"}));
    assert_eq!(compare(&old, &tree("Other", json!({"type": "string"}))), []);
    let changes = compare(&old, &tree("Tree", json!({"type": "integer"})));
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].place, "$.name");
}

fn variant(kind: &str, kind_of_value: &str) -> Value {
    let properties = json!({"kind": {"const": kind}, "value": {"type": kind_of_value}});
    object(properties, json!(["kind", "value"]))
}

/// Returns the changes from the variants `a` and `b` to these.
fn changed_variants(new: &[Value]) -> Vec<Change> {
    let old = json!({"oneOf": [variant("a", "string"), variant("b", "string")]});
    compare(&old, &json!({"oneOf": new}))
}

#[test]
fn variants_are_matched_in_any_order() {
    let more = ["b", "c", "a"].map(|kind| variant(kind, "string"));
    assert_eq!(changed_variants(&more), []);
}

#[test]
fn a_lost_variant_is_found() {
    let less = [variant("a", "string")];
    assert_eq!(changed_variants(&less)[0].place, "$.kind");
}

#[test]
fn a_narrower_variant_is_found() {
    let narrower = [variant("a", "string"), variant("b", "integer")];
    assert_eq!(changed_variants(&narrower)[0].place, "$.value");
}

#[test]
fn what_cannot_be_decided_is_said() {
    let incomparable = |old: &Value, new: &Value| check(old, new, &[(Effect::Incomparable, "$.a")]);
    let text = json!({"type": "string"});
    incomparable(
        &json!({"type": "string", "pattern": "^a"}),
        &json!({"type": "string", "pattern": "^b"}),
    );
    incomparable(&text, &json!({"type": "string", "not": {"const": "x"}}));
    incomparable(&text, &json!({"$ref": "#/definitions/Nowhere"}));
    incomparable(&text, &json!({"$ref": "https://example.com/schema"}));
    incomparable(
        &text,
        &json!({"allOf": [{"type": "string"}, {"type": "integer"}]}),
    );
    incomparable(&text, &json!(7));
    incomparable(
        &json!({"type": "array", "items": [{"type": "string"}]}),
        &json!({"type": "array", "items": [{"type": "string"}, {"type": "string"}]}),
    );
    let endless = json!({"$ref": "#/properties/a"});
    incomparable(&text, &endless);
    let mut deep = text;
    for _ in 0..60 {
        deep = json!({"anyOf": [deep.clone(), {"type": "array", "items": deep}]});
        if deep.to_string().len() > 2_000 {
            break;
        }
    }
    assert!(compare(&deep, &deep).len() < 1000);
}

#[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
struct Mail {
    #[validate(email)]
    to: String,
}

fn subscribers() -> [Subscriber; 1] {
    let read = async |mail: Message<Mail>, _: Context| drop(mail.0.to);
    [Subscriber::new("mails", read).topic("mails")]
}

/// Returns a folder in which the subscribers' types are released, and this file beside them.
fn released_with(file: &str, text: &str) -> PathBuf {
    let root = folder("released");
    write(&subscribers(), &root).expect("written");
    fs::write(root.join(file), text).expect("written");
    root
}

fn remove(root: PathBuf) {
    fs::remove_dir_all(root).expect("removed");
}

#[test]
fn what_was_never_released_is_not_compared() {
    let root = folder("released");
    assert!(matches!(compare_in(&root), Comparison::Never));
    remove(root);
}

#[test]
fn the_files_of_a_release_are_reported() {
    let root = folder("released");
    let written = write(&subscribers(), &root).expect("written");
    let files = ["Mail.json", "subscriptions/mails.json"];
    assert_eq!(written, files.map(|file| root.join(file)));
    remove(root);
}

#[test]
fn the_keys_of_a_release_are_read_back() {
    let root = folder("released");
    write(&subscribers(), &root).expect("written");
    let keys = released_keys(&subscribers()[0], &root).expect("read");
    assert_eq!(keys, Some(Keys::of(&subscribers()[0])));
    remove(root);
}

#[test]
fn what_has_not_changed_since_a_release_is_left_out() {
    let root = folder("released");
    write(&subscribers(), &root).expect("written");
    assert!(matches!(compare_in(&root), Comparison::Since(since) if since.is_empty()));
    remove(root);
}

#[test]
fn what_has_changed_since_a_release_is_found() {
    let old = json!({"type": "object", "properties": {"to": {"type": "string"}}});
    let root = released_with("Mail.json", &old.to_string());
    let Comparison::Since(since) = compare_in(&root) else {
        panic!("released");
    };
    let Since::Changed(changes) = &since["Mail"] else {
        panic!("changed");
    };
    let places: Vec<_> = changes.iter().map(|each| each.place.as_str()).collect();
    assert_eq!(places, ["$.to", "$.to"], "required, and an e-mail");
    remove(root);
}

#[test]
fn a_released_type_that_is_gone_is_named() {
    let root = released_with("Letter.json", "{}");
    let Comparison::Since(since) = compare_in(&root) else {
        panic!("released");
    };
    assert!(matches!(since["Letter"], Since::Gone));
    remove(root);
}

#[test]
fn an_unreadable_release_is_named_but_not_quoted() {
    let root = released_with("Letter.json", "hush {");
    let error = super::compare(&subscribers(), &root)
        .expect_err("no JSON")
        .to_string();
    assert!(error.contains("Letter.json"), "{error}");
    assert!(!error.contains("hush"), "{error}");
    remove(root);
}

fn compare_in(root: &Path) -> Comparison {
    super::compare(&subscribers(), root).expect("compared")
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("pushgate-{name}-{}", uuid::Uuid::new_v4()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

mod property;
