//! The log lines of the service as Cloud Logging and Error Reporting read them (Google, *Structured logging*, *LogEntry* and
//! *Format errors in logs*).

use serde_json::Value;

use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::process::{Process, settings};
use crate::harness::{AUDIENCE, CALLER, push_to};

const PREFIX: &str = "logging.googleapis.com/";
const SEVERITIES: [&str; 4] = ["DEBUG", "INFO", "WARNING", "ERROR"];
const ERROR_EVENT: &str =
    "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent";

fn is_hexadecimal(value: &Value, digits: usize) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    value
        .as_str()
        .is_some_and(|text| text.len() == digits && text.bytes().all(is_digit))
}

/// Returns true if a field that Google reads has the form that Google reads. Other fields are the payload of the line.
fn is_valid(name: &str, value: &Value) -> bool {
    let text = value.as_str();
    match name.strip_prefix(PREFIX).unwrap_or(name) {
        "severity" => text.is_some_and(|text| SEVERITIES.contains(&text)),
        "message" => text.is_some_and(|text| !text.is_empty()),
        "time" | "timestamp" => text.is_some_and(|text| {
            let format = &time::format_description::well_known::Rfc3339;
            time::OffsetDateTime::parse(text, format).is_ok()
        }),
        "httpRequest" => {
            let latency = value["latency"]
                .as_str()
                .and_then(|text| text.strip_suffix('s'));
            value["requestMethod"] == "POST"
                && value["status"]
                    .as_u64()
                    .is_some_and(|status| (200..600).contains(&status))
                && latency.is_some_and(|seconds| seconds.parse::<f64>().is_ok())
        }
        "labels" => value
            .as_object()
            .is_some_and(|labels| labels.values().all(Value::is_string)),
        "sourceLocation" => {
            let line = value["line"]
                .as_str()
                .and_then(|line| line.parse::<u32>().ok());
            value["file"]
                .as_str()
                .is_some_and(|file| file.ends_with(".rs"))
                && line.is_some()
        }
        "trace" => text
            .and_then(|text| text.strip_prefix("projects/test-project/traces/"))
            .is_some_and(|id| is_hexadecimal(&id.into(), 32)),
        "spanId" => is_hexadecimal(value, 16),
        "trace_sampled" => value.is_boolean(),
        "@type" => value == ERROR_EVENT,
        "serviceContext" => value["service"] == "shop" && value["version"] == "shop-7",
        "context" => {
            let place = &value["reportLocation"];
            place["filePath"].is_string()
                && place["lineNumber"].is_u64()
                && place["functionName"].is_string()
        }
        _ => !name.starts_with(PREFIX),
    }
}

/// Handles a message with a trace, dead-letters one, and rejects three pushes. Returns all lines until the exit.
async fn lines() -> Vec<Value> {
    let google = Google::start().await;
    let topic = "projects/test-project/topics/orders-fulfilment-dead-letter";
    google.emulator.create_topic(topic).expect("a topic");
    let mut settings = settings(&google, "memory:a test");
    settings.push(("K_SERVICE", "shop".into()));
    settings.push(("K_REVISION", "shop-7".into()));
    let (mut process, url) = Process::serve(&settings).await;
    let issuer = google.emulator.issuer();
    let (good, other) = (
        issuer.token(CALLER, AUDIENCE),
        issuer.token(CALLER, "https://another.example"),
    );
    let order = r#"{"orderId":"A-1","customerEmail":"ada@example.com","lines":[{"article":"teapot","quantity":1,"priceCents":9}]}"#;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let pushes = [
        ("orders-fulfilment", order, &good, 204),
        ("orders-fulfilment", "no order", &good, 204),
        ("orders-fulfilment", order, &other, 403),
        ("orders-fulfilment", order, &String::new(), 401),
        ("unknown", order, &good, 404),
    ];
    for (subscription, data, token, status) in pushes {
        let message = TestMessage::new(subscription, data);
        let message = message.attribute("googclient_traceparent", traceparent);
        let reply = push_to(&format!("{url}/"), message.body(), token).await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    process.signal("-TERM").await;
    process.exit().await;
    let lines = process.finished().await;
    let parsed = lines.iter().map(|line| serde_json::from_str(line));
    parsed.collect::<Result<_, _>>().expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_has_the_form_that_google_reads() {
    let lines = lines().await;
    for line in &lines {
        let fields = line.as_object().expect("an object");
        for (name, value) in fields {
            assert!(is_valid(name, value), "{name} of {line}");
        }
        for needed in ["severity", "message", "time"] {
            assert!(fields.contains_key(needed), "{needed} of {line}");
        }
        let is_error = line["severity"] == "ERROR";
        for name in ["@type", "serviceContext", "context"] {
            assert_eq!(fields.contains_key(name), is_error, "{name} of {line}");
        }
    }
    let pushes = lines.iter().filter(|line| line["httpRequest"].is_object());
    assert_eq!(pushes.count(), 5);
    let traced = |line: &&Value| line["logging.googleapis.com/trace"].is_string();
    assert!(lines.iter().filter(traced).count() >= 3, "{lines:#?}");
}

#[test]
fn a_line_of_another_form_is_noticed() {
    for (name, value) in [
        ("severity", "WARN".into()),
        ("time", "today".into()),
        (
            "httpRequest",
            serde_json::json!({"requestMethod": "POST", "status": "204"}),
        ),
        (
            "logging.googleapis.com/labels",
            serde_json::json!({"attempt": 1}),
        ),
        ("logging.googleapis.com/spanId", "00F067AA0BA902B7".into()),
        ("logging.googleapis.com/unknown", "x".into()),
    ] {
        assert!(!is_valid(name, &value), "{name}");
    }
}
