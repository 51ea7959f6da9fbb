use serde_json::{Value, json};

use super::comparison::compare;
use super::*;
use crate::{Context, Message, Subscriber};

/// The effect and place of each change between two schemas of a field `a`.
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
fn a_schema_fits_itself_and_a_wider_one() {
    let text = json!({"type": "string"});
    fits(&text, &text);
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
    fits(
        &text,
        &json!({"type": "string", "title": "A", "description": "b", "default": "c", "x-d": 1}),
    );
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

#[test]
fn fields_come_go_and_become_required() {
    let of = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required});
    let old = of(
        json!({"id": {"type": "string"}, "note": {"type": "string"}}),
        json!(["id"]),
    );
    let at = |new: &Value| {
        let changes = compare(&old, new).into_iter();
        changes
            .map(|each| (each.effect, each.place))
            .collect::<Vec<_>>()
    };
    let both = json!({"id": {"type": "string"}, "note": {"type": "string"}});
    assert_eq!(at(&of(both.clone(), json!([]))), []);
    assert_eq!(
        at(&of(both.clone(), json!(["id", "note"]))),
        [(Effect::Breaks, "$.note".into())]
    );
    let mut more = both.clone();
    more["more"] = json!({"type": "string"});
    assert_eq!(at(&of(more.clone(), json!(["id"]))), [], "new and optional");
    assert_eq!(
        at(&of(more, json!(["id", "more"]))),
        [(Effect::Breaks, "$.more".into())]
    );
    assert_eq!(
        at(&of(json!({"id": {"type": "string"}}), json!(["id"]))),
        [(Effect::Removes, "$.note".into())]
    );
    let mut closed = of(json!({"id": {"type": "string"}}), json!(["id"]));
    closed["additionalProperties"] = json!(false);
    assert_eq!(
        at(&closed),
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

#[test]
fn variants_are_matched_and_a_lost_one_is_found() {
    let variant = |kind: &str, field: Value| json!({"type": "object", "properties": {"kind": {"const": kind}, "value": field}, "required": ["kind", "value"]});
    let text = json!({"type": "string"});
    let old = json!({"oneOf": [variant("a", text.clone()), variant("b", text.clone())]});
    let more = json!({"oneOf": [variant("b", text.clone()), variant("c", text.clone()), variant("a", text.clone())]});
    assert_eq!(compare(&old, &more), []);
    let less = json!({"oneOf": [variant("a", text.clone())]});
    assert_eq!(compare(&old, &less)[0].place, "$.kind");
    let narrower =
        json!({"oneOf": [variant("a", text.clone()), variant("b", json!({"type": "integer"}))]});
    assert_eq!(compare(&old, &narrower)[0].place, "$.value");
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

#[test]
fn what_is_released_is_compared_and_what_is_gone_is_named() {
    let root = folder("released");
    assert!(matches!(compare_in(&root), Comparison::Never));
    let written = write(&subscribers(), &root).expect("written");
    let files = ["Mail.json", "subscriptions/mails.json"];
    assert_eq!(written, files.map(|file| root.join(FOLDER).join(file)));
    let keys = released_keys(&subscribers()[0], &root).expect("read");
    assert_eq!(keys, Some(Keys::of(&subscribers()[0])));
    assert!(matches!(compare_in(&root), Comparison::Since(since) if since.is_empty()));
    let old = json!({"type": "object", "properties": {"to": {"type": "string"}}});
    fs::write(root.join("m2m/released/Mail.json"), old.to_string()).expect("written");
    fs::write(root.join("m2m/released/Letter.json"), "{}").expect("written");
    let Comparison::Since(since) = compare_in(&root) else {
        panic!("released");
    };
    assert!(matches!(since["Letter"], Since::Gone));
    let Since::Changed(changes) = &since["Mail"] else {
        panic!("changed");
    };
    let places: Vec<_> = changes.iter().map(|each| each.place.as_str()).collect();
    assert_eq!(places, ["$.to", "$.to"], "required, and an e-mail");
    fs::write(root.join("m2m/released/Letter.json"), "hush {").expect("written");
    let error = super::compare(&subscribers(), &root)
        .expect_err("no JSON")
        .to_string();
    assert!(
        error.contains("Letter.json") && !error.contains("hush"),
        "{error}"
    );
    fs::remove_dir_all(root).expect("removed");
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
