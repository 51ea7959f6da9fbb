//! The requests to an application, and the meaning of its responses.

use tokio::net::TcpListener;

use super::application::{Application, Scene, dying_application};
use crate::harness::message::TestMessage;
use crate::harness::{PROJECT, client, reply, soon};

#[tokio::test]
async fn the_application_gets_the_push_of_pubsub_once() {
    let scene = Scene::start("").await;
    let mut message = TestMessage::new("probe", "one teapot").attribute("source", "checkout");
    message.ordering_key = Some("customer-7".into());
    message.delivery_attempt = Some(3);
    for outcome in ["handled", "duplicate"] {
        let reply = scene.push(&message).await;
        assert_eq!(
            (reply.status, reply.outcome.as_deref()),
            (204, Some(outcome))
        );
    }
    let received = scene.application.received(1).await;
    let [request] = &*received else {
        panic!("{} requests", received.len());
    };
    assert_eq!(request.path, "/handle");
    assert_eq!(request.json(), message.json());
    assert_eq!(request.header("content-type"), "application/json");
    let length = request.header("content-length");
    assert_eq!(length, request.body.len().to_string());
    let key = request.header("idempotency-key");
    assert!(
        key.len() == 32 && key.bytes().all(|each| each.is_ascii_hexdigit()),
        "{key}"
    );
    let left: u64 = request
        .header("pushgate-time-left-ms")
        .parse()
        .expect("a number");
    assert!((40_000..=55_000).contains(&left), "{left}");
    assert_eq!(
        request.header("authorization"),
        "",
        "the token is for the gateway"
    );
}

#[tokio::test]
async fn the_trace_of_the_message_goes_on() {
    let scene = Scene::start("").await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let message = TestMessage::new("probe", "traced")
        .attribute("googclient_traceparent", trace)
        .attribute("googclient_tracestate", "vendor=1");
    scene.push(&message).await;
    let received = scene.application.received(1).await;
    assert_eq!(received[0].header("traceparent"), trace);
    assert_eq!(received[0].header("tracestate"), "vendor=1");
}

#[tokio::test]
async fn an_unwrapped_message_stays_unwrapped() {
    let scene = Scene::start("form: unwrapped").await;
    let request = client()
        .post(format!("{}/push/probe", scene.url))
        .bearer_auth(scene.token())
        .header("content-type", "text/csv")
        .header(
            "x-goog-pubsub-subscription-name",
            format!("projects/{PROJECT}/subscriptions/probe"),
        )
        .header("x-goog-pubsub-message-id", "17")
        .header("x-goog-pubsub-publish-time", "2030-01-02T03:04:05.678Z")
        .header("source", "checkout")
        .body("a;b");
    let reply = reply(request.send().await.expect("an answer")).await;
    assert_eq!(reply.status, 204, "{}", reply.body);
    let received = scene.application.received(1).await;
    assert_eq!(received[0].body, "a;b");
    for (name, value) in [
        ("content-type", "text/csv"),
        ("source", "checkout"),
        ("x-goog-pubsub-message-id", "17"),
        ("x-goog-pubsub-publish-time", "2030-01-02T03:04:05.678Z"),
        (
            "x-goog-pubsub-subscription-name",
            "projects/test-project/subscriptions/probe",
        ),
    ] {
        assert_eq!(received[0].header(name), value, "{name}");
    }
}

#[tokio::test]
async fn an_event_of_eventarc_stays_an_event() {
    let scene = Scene::start("form: eventarc").await;
    let message = TestMessage::new("eventarc-europe-west1-probe-sub-123", "an event");
    let request = client()
        .post(format!("{}/push/probe", scene.url))
        .bearer_auth(scene.token())
        .header("content-type", "application/json")
        .header("ce-specversion", "1.0")
        .header("ce-type", "google.cloud.pubsub.topic.v1.messagePublished")
        .body(message.body());
    let reply = reply(request.send().await.expect("an answer")).await;
    assert_eq!(reply.status, 204, "{}", reply.body);
    let received = scene.application.received(1).await;
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-type", "google.cloud.pubsub.topic.v1.messagePublished"),
        (
            "ce-source",
            "//pubsub.googleapis.com/projects/test-project/topics/tests",
        ),
        ("ce-id", message.id.as_str()),
        ("ce-time", "2030-01-02T03:04:05.678Z"),
    ] {
        assert_eq!(received[0].header(name), value, "{name}");
    }
    assert_eq!(received[0].data(), b"an event");
}

#[tokio::test]
async fn the_response_decides() {
    let mut scene = Scene::start("").await;
    scene.google.keep_dead_letters();
    for (data, status, outcome) in [
        ("teapot", 503, "failed"),
        ("moved", 503, "failed"),
        ("long answer", 204, "handled"),
        ("dead", 204, "dead-lettered"),
    ] {
        let reply = scene.push(&TestMessage::new("probe", data)).await;
        let found = (reply.status, reply.outcome.as_deref());
        assert_eq!(found, (status, Some(outcome)), "{data}");
    }
    let letters = scene.google.dead_letters();
    assert_eq!(letters[0].attributes[pushgate::ERROR_ATTRIBUTE], "no café");
    let failed = scene.gateway.log(|line| line["outcome"] == "failed").await;
    let text = failed.to_string();
    assert!(text.contains("the application answered 418"), "{text}");
    let lines = scene.gateway.lines().concat();
    assert!(!lines.contains("hush"), "a body was logged: {lines}");
}

#[tokio::test]
async fn a_large_message_arrives_whole() {
    let scene = Scene::start("").await;
    let data: Vec<u8> = (0..9_800_001_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let reply = scene.push(&TestMessage::new("probe", data.clone())).await;
    assert_eq!(reply.status, 204, "{}", reply.body);
    let received = scene.application.received(1).await;
    assert!(received[0].data() == data, "other data");
    assert_eq!(
        received[0].header("content-length"),
        received[0].body.len().to_string()
    );
}

#[tokio::test]
async fn connections_are_kept() {
    let scene = Scene::start("").await;
    for number in 0..20 {
        let reply = scene
            .push(&TestMessage::new("probe", format!("{number}")))
            .await;
        assert_eq!(reply.status, 204);
    }
    let connections = scene.application.0.connections.lock().expect("connections");
    assert!(connections.len() < 5, "{connections:?}");
}

#[tokio::test]
async fn the_hard_limit_closes_the_connection() {
    let scene = Scene::start("ackDeadlineSeconds: 10, hardLimit: 1s").await;
    let reply = scene.push(&TestMessage::new("probe", "hang")).await;
    assert_eq!(
        (reply.status, reply.outcome.as_deref()),
        (503, Some("timed-out"))
    );
    let mut cut_off = scene.application.0.cut_off.subscribe();
    let closed = cut_off.wait_for(|count| *count == 1);
    soon("the end of the connection", closed)
        .await
        .expect("the application");
}

#[tokio::test]
async fn a_run_that_was_cut_off_is_parked_if_declared() {
    const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    for (sent, fields, second) in [
        ("", "", "panicked"),
        (HALF, "", "panicked"),
        (HALF, "afterCrash: park, lease: 1s", "dead-lettered"),
    ] {
        let address = dying_application(sent).await;
        let mut scene = Scene::before(Application::default(), address, fields).await;
        let message = TestMessage::new("probe", "one teapot");
        let reply = scene.push(&message).await;
        assert_eq!(
            (reply.status, reply.outcome.as_deref()),
            (500, Some("panicked"))
        );
        let cut_off = scene
            .gateway
            .log(|line| line["outcome"] == "panicked")
            .await;
        let text = cut_off.to_string();
        assert!(
            text.contains("closed the connection before the end of its response"),
            "{text}"
        );
        let again = async {
            loop {
                let reply = scene.push(&message).await;
                if reply.outcome.as_deref() != Some("in-progress-elsewhere") {
                    return reply.outcome;
                }
            }
        };
        assert_eq!(
            soon("the end of the lease", again).await.as_deref(),
            Some(second)
        );
    }
}

#[tokio::test]
async fn an_application_that_does_not_run_is_named() {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    drop(socket);
    let mut scene = Scene::before(Application::default(), address, "").await;
    let reply = scene.push(&TestMessage::new("probe", "one teapot")).await;
    assert_eq!(
        (reply.status, reply.outcome.as_deref()),
        (503, Some("failed"))
    );
    let failed = scene.gateway.log(|line| line["outcome"] == "failed").await;
    let expected = format!("the application at http://{address}/handle cannot be reached");
    assert!(failed.to_string().contains(&expected), "{failed}");
}
