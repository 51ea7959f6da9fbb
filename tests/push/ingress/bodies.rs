//! Bodies of all sizes, whole, broken and slow.

use axum::body::Bytes;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::probe::task;
use crate::harness::{Service, Setup, soon};

#[tokio::test]
async fn a_handler_sees_everything_that_was_pushed() {
    let service = Service::start().await;
    let mut message = service
        .message(task::SUCCEED)
        .attribute("region", "eu")
        .attribute("googclient_traceparent", "00-1-2-01");
    message.ordering_key = Some("customer-7".into());
    message.delivery_attempt = Some(3);
    assert_eq!(service.push(&message).await.status, 204);
    let context = service.probe.context(&message.id);
    assert_eq!(
        context.subscription.as_ref(),
        "projects/test-project/subscriptions/probe"
    );
    assert_eq!(context.publish_time.unix_timestamp(), 1_893_553_445);
    assert_eq!(
        context.attributes.get("region").map(String::as_str),
        Some("eu")
    );
    assert_eq!(context.ordering_key.as_deref(), Some("customer-7"));
    assert_eq!(context.delivery_attempt, Some(3));
    assert!(context.time_left().as_secs() >= 50 && context.time_left().as_secs() < 60);
}

#[tokio::test]
async fn a_message_of_attributes_alone_is_taken() {
    let service = Service::start().await;
    let mut bare = service.message("").attribute("kind", "ping").json();
    bare["message"]
        .as_object_mut()
        .expect("a message")
        .remove("data");
    assert_eq!(service.push_body(bare.to_string()).await.status, 204);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn a_message_of_ten_megabytes_is_taken() {
    let service = Service::start().await;
    let mut large = service.message("");
    large.data = vec![0xfb; 10_000_000];
    assert_eq!(service.push(&large).await.status, 204);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn a_body_that_is_no_push_is_never_acknowledged() {
    let service = Service::start().await;
    let name = "projects/test-project/subscriptions/probe";
    let with = |message: serde_json::Value| {
        json!({"message": message, "subscription": name})
            .to_string()
            .into_bytes()
    };
    let mut truncated = service.message(task::SUCCEED).body().into_bytes();
    truncated.truncate(truncated.len() - 2);
    let table: [(&str, Vec<u8>, u16); 12] = [
        ("empty", Vec::new(), 400),
        ("truncated", truncated, 400),
        ("not JSON", b"hello".to_vec(), 400),
        ("not UTF-8", b"{\"message\":{\"data\":\"\xff\"}}".to_vec(), 400),
        ("deeply nested", "{\"message\":".repeat(50_000).into_bytes(), 400),
        ("deeply nested and unknown", format!("{{\"x\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000)).into_bytes(), 400),
        ("an array", b"[]".to_vec(), 400),
        ("without a message", json!({"subscription": name}).to_string().into_bytes(), 400),
        ("without an id", with(json!({"publishTime": "2030-01-02T03:04:05Z"})), 400),
        ("not base64", with(json!({"messageId": "1", "publishTime": "2030-01-02T03:04:05Z", "data": "?"})), 400),
        ("attributes that are no strings", with(json!({"messageId": "1", "attributes": {"a": 1}})), 400),
        (
            "unknown subscription",
            json!({"message": {"messageId": "1", "publishTime": "2030-01-02T03:04:05Z"}, "subscription": "projects/p/subscriptions/nobody"})
                .to_string()
                .into_bytes(),
            404,
        ),
    ];
    for (what, body, status) in table {
        assert_eq!(service.push_body(body).await.status, status, "{what}");
    }
    assert_eq!(service.runs(), 0);
    assert_eq!(
        service.push(&service.message(task::SUCCEED)).await.status,
        204,
        "and it still serves"
    );
}

#[tokio::test]
async fn a_too_large_body_is_refused_whether_announced_or_not() {
    let service = Setup::new()
        .setting("PUSHGATE_BODY_LIMIT_BYTES", 2048)
        .start()
        .await;
    assert_eq!(service.push_body("x".repeat(2049)).await.status, 413);
    let chunks = (0..9).map(|_| Ok::<_, std::io::Error>(Bytes::from("x".repeat(256))));
    let unannounced = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    assert_eq!(service.push_body(unannounced).await.status, 413);
    assert_eq!(
        service.push_body("x".repeat(2048)).await.status,
        400,
        "at the limit it is read"
    );
}

/// A connection that has sent the head of a push, and one byte of its body.
async fn begun_push(service: &Service) -> TcpStream {
    let address = service.url.trim_start_matches("http://");
    let token = service.token();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{"
    );
    let mut connection = TcpStream::connect(address).await.expect("connected");
    connection.write_all(head.as_bytes()).await.expect("sent");
    connection
}

#[tokio::test]
async fn a_slow_body_times_out() {
    let service = Setup::new()
        .setting("PUSHGATE_BODY_TIMEOUT_SECONDS", 1)
        .start()
        .await;
    let mut slow = begun_push(&service).await;
    let mut answer = [0; 12];
    soon("an answer", slow.read_exact(&mut answer))
        .await
        .expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn clients_that_send_no_whole_push_keep_no_other_from_pushing() {
    let service = Service::start().await;
    drop(begun_push(&service).await);
    let slow = begun_push(&service).await;
    let address = service.url.trim_start_matches("http://");
    let silent = TcpStream::connect(address).await.expect("connected");
    let reply = service.push(&service.message(task::SUCCEED)).await;
    assert_eq!(reply.status, 204);
    drop((slow, silent));
}
