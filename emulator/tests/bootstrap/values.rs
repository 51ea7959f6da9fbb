//! The values of YAML and JSON.

use super::{parsed, rejected};

/// Returns the data of a message with this value of `json`.
fn published(json: &str) -> String {
    let file = format!("topics:\n  orders:\n    messages:\n      - json: {json}\n");
    let found = parsed(&file);
    String::from_utf8(found.messages[0].1.data.to_vec()).unwrap()
}

#[test]
fn words_follow_the_core_schema_of_yaml() {
    for (yaml, json) in [
        (
            "{country: NO, size: n, on: y}",
            r#"{"country":"NO","size":"n","on":"y"}"#,
        ),
        (
            "[yes, No, Off, on, Y, N]",
            r#"["yes","No","Off","on","Y","N"]"#,
        ),
        ("[true, True, FALSE]", "[true,true,false]"),
        ("[~, null, NULL, Null]", "[null,null,null,null]"),
        ("{a: , yes: 1}", r#"{"a":null,"yes":1}"#),
        ("~", "null"),
        ("NO", r#""NO""#),
        ("[1:30, 190:20:30]", r#"["1:30","190:20:30"]"#),
        (
            "[2026-11-30, 2026-11-30T01:02:03Z]",
            r#"["2026-11-30","2026-11-30T01:02:03Z"]"#,
        ),
        ("[1_000, 0b11, 0X1F]", r#"["1_000","0b11","0X1F"]"#),
        ("[0o14, 0x1f, +12, -7]", "[12,31,12,-7]"),
        ("[.5, 1., -.25, +1.5]", "[0.5,1.0,-0.25,1.5]"),
        (
            r#"["012", '1', "no", !!str 7, !!str 012]"#,
            r#"["012","1","no","7","012"]"#,
        ),
        ("[!!int 7, !!bool true]", "[7,true]"),
        ("{012: a, 1: b}", r#"{"012":"a","1":"b"}"#),
        ("{\"<<\": {a: 1}}", r#"{"<<":{"a":1}}"#),
    ] {
        assert_eq!(published(yaml), json, "{yaml}");
    }
}

#[test]
fn an_ambiguous_value_is_rejected() {
    let check = |json: &str, words: &str| {
        let file = format!("topics:\n  orders:\n    messages:\n      - json: {json}\n");
        rejected(&file, &format!("shop.yaml:4:{words}"));
    };
    check("{zip: 012}", "21: 012 begins with a zero, which other");
    check("[1, -007]", "19: -007 begins with a zero");
    check("[.inf]", "16: .inf has no form in JSON: write \".inf\"");
    check("[-.INF]", "16: -.INF has no form in JSON");
    check("[.nan]", "16: .nan has no form in JSON");
    check("!Ref name", "20: unsupported tag `!Ref`");
    check("{a: !custom 1}", "27: unsupported tag `!custom`");
    check("{a: 1, a: 2}", "22: \"a\" occurs twice, expected once");
    check("{~: 1}", "");
}

#[test]
fn json_is_published_as_it_is_written() {
    let json = r#"{"z":1.0,"a":1.10,"10":1E400,"2":123456789012345678901234567890,"n":-0.0,"s":"\u0000é"}"#;
    assert_eq!(published(json), json);
    let file = "x: &z\ntopics: {}";
    rejected(file, "unknown key \"x\"");
    let anchored = "[&price 1.10, *price]";
    assert_eq!(published(anchored), "[1.10,1.10]");
    let umlaut = "{ü: [ä, 1.10]}";
    assert_eq!(published(umlaut), r#"{"ü":["ä",1.10]}"#);
}

fn subscription(settings: &str) -> String {
    format!("topics:\n  orders:\n    subscriptions:\n      billing: {settings}\n")
}

#[test]
fn yes_is_no_boolean() {
    rejected(
        &subscription("{enableMessageOrdering: yes}"),
        "found yes}, expected true or false",
    );
}

#[test]
fn labels_are_texts() {
    let labels = parsed(&subscription("{labels: {country: no, zip: 012}}"));
    let labels = &labels.subscriptions[0].labels;
    assert_eq!(labels["country"], "no");
    assert_eq!(labels["zip"], "012");
}

#[test]
fn a_list_is_no_object() {
    for settings in [
        "[orders]",
        "{pushConfig: [http://127.0.0.1:8080/]}",
        "{retryPolicy: [1s, 2s]}",
        "{faults: [0.5]}",
        "{faults: {burst: [2, 1s]}}",
        "{labels: [a, b]}",
    ] {
        rejected(&subscription(settings), "expected");
    }
    rejected("[shop]", "expected keys, each with a colon and its value");
    rejected("topics: {orders: {messages: [[{a: 1}]]}}", "expected keys");
}

#[test]
fn a_repeated_key_is_rejected() {
    let twice = "topics: {orders: {}}\ntopics: {}";
    rejected(twice, "\"topics\" occurs twice, expected once");
}
