//! Metadata forged by a publisher or a stranger.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::forms::{BINARY, PROBE, STRUCTURED, TIME, TYPE, event, metadata};
use crate::harness::message::TestMessage;
use crate::harness::probe::task;
use crate::harness::{Service, Setup, soon, subscriber};

#[tokio::test]
async fn metadata_of_a_publisher_is_never_taken_for_googles() {
    let service = Service::start().await;
    let forged = TestMessage::new("other", task::FAIL);
    let attributes = [
        ("ce-type", "com.example.forged"),
        ("ce-specversion", "1.0"),
        STRUCTURED,
        ("from", "noreply@google.com"),
        ("subscription", "projects/test-project/subscriptions/other"),
        ("message-id", "1"),
    ];
    let headers = [metadata("7").as_slice(), &attributes].concat();
    let reply = service.push_as("/", &headers, event(&forged)).await;
    assert_eq!(
        reply.status, 204,
        "the event inside is not requests what to do"
    );
    assert_eq!(service.probe.order(), ["7"]);
    assert_eq!(service.probe.data("7"), event(&forged).into_bytes());
    let seen = service.probe.context("7").attributes;
    assert!(seen.contains_key("ce-type") && !seen.contains_key("from"));

    for repeated in metadata("8") {
        let headers = [metadata("8").as_slice(), &[repeated]].concat();
        let reply = service.push_as("/", &headers, task::SUCCEED).await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.body, "not a push\n");
    }
    let authorized = [metadata("9").as_slice(), &[("authorization", "Bearer x")]].concat();
    let reply = service.push_as("/", &authorized, task::SUCCEED).await;
    assert_eq!(reply.status, 401, "of two tokens none counts");
    let at_another = service
        .push_as("/push/other", &metadata("9"), task::SUCCEED)
        .await;
    assert_eq!(at_another.status, 400);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn an_unwrapped_subscriber_refuses_a_wrapped_push() {
    let setup = Setup::new().subscriber(subscriber("probe").unwrapped());
    let service = setup.start().await;
    let wrapped = service.message(task::SUCCEED);
    let events = [
        (BINARY.as_slice(), wrapped.body()),
        (&[STRUCTURED], event(&wrapped)),
        (&[], wrapped.body()),
    ];
    for (headers, body) in events {
        for path in ["/", "/push/probe"] {
            let reply = service.push_as(path, headers, body.clone()).await;
            assert_eq!(reply.status, 400, "{path} {headers:?}");
        }
    }
    assert_eq!(service.runs(), 0);
    let unwrapped = service.push_as("/", &metadata("7"), task::SUCCEED).await;
    assert_eq!(unwrapped.status, 204);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn nothing_that_a_stranger_writes_is_more_than_a_refusal() {
    let setup = Setup::new().also(subscriber("events").eventarc());
    let service = setup.also(subscriber("payload").unwrapped()).start().await;
    let long = "9".repeat(20_000);
    let heads: [&[(&str, &str)]; 12] = [
        &[],
        &[STRUCTURED],
        &[("content-type", "application/cloudevents-batch+json")],
        &[("content-type", "ü; charset=\"")],
        &[("content-type", ";;;"), ("ce-type", "")],
        &[
            ("ce-specversion", "1.0"),
            ("ce-type", TYPE),
            ("ce-type", TYPE),
        ],
        &[("ce-specversion", "1.0"), ("ce-type", TYPE)],
        &[("x-goog-pubsub-message-id", "")],
        &[("x-goog-pubsub-message-id", &long)],
        &[
            ("x-goog-pubsub-subscription-name", "////"),
            ("x-goog-pubsub-message-id", "1"),
            ("x-goog-pubsub-publish-time", TIME),
        ],
        &[
            ("x-goog-pubsub-subscription-name", PROBE),
            ("x-goog-pubsub-message-id", "1,2"),
            ("x-goog-pubsub-publish-time", TIME),
        ],
        &[
            ("x-goog-pubsub-subscription-name", PROBE),
            ("x-goog-pubsub-message-id", "1"),
            ("x-goog-pubsub-publish-time", "+999999-13-32T25:61:61Z"),
        ],
    ];
    let bodies = [
        String::new(),
        "null".into(),
        "[[[[".repeat(1000),
        "{\"data\":".repeat(1000),
        "\u{feff}{}".into(),
        "{\"message\":null,\"subscription\":null,\"data\":null,\"data_base64\":null}".into(),
        json!({"specversion": "1.0", "type": TYPE, "data_base64": "====", "message": {}, "subscription": "/"}).to_string(),
        json!({"specversion": "1.0", "type": TYPE, "data": [], "message": [], "subscription": "projects/p/subscriptions/s"}).to_string(),
        json!({"specversion": "1.0", "type": TYPE, "data": {"message": {"messageId": "1", "publishTime": "9999-99-99T99:99:99Z"}, "subscription": PROBE}}).to_string(),
        json!({"message": {"messageId": "1", "publishTime": TIME, "data": "a"}, "subscription": PROBE, "deliveryAttempt": 1e300}).to_string(),
        json!({"message": {"messageId": "\0", "publishTime": TIME}, "subscription": PROBE, "deliveryAttempt": -1}).to_string(),
    ];
    for path in [
        "/",
        "/push/probe",
        "/push/events",
        "/push/payload",
        "/push/%2F%00%ff",
        "/push/nobody",
    ] {
        for head in heads {
            for body in &bodies {
                let status = service.push_as(path, head, body.clone()).await.status;
                assert_eq!(status, 400, "{path} {head:?} {body:.80}");
            }
        }
    }
    let address = service.url.trim_start_matches("http://");
    let mut raw = TcpStream::connect(address).await.expect("connected");
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nmy attribute: v\r\ncontent-length: 0\r\n\r\n"
    );
    raw.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    soon("an answer", raw.read_exact(&mut answer))
        .await
        .expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 400", "a name that HTTP has no room for");
    assert_eq!(service.runs(), 0);
    assert_eq!(
        service.push(&service.message(task::SUCCEED)).await.status,
        204
    );
}
