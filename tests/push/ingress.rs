//! Paths, headers and bodies of pushes, and requests that are no push.

use axum::body::Bytes;
use emulator::{Claim, Forgery};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::google::Google;
use crate::harness::probe::task;
use crate::harness::process::{Process, settings};
use crate::harness::{
    AUDIENCE, CALLER, Service, Setup, client, client_builder, get, push_to, soon,
};

#[tokio::test]
async fn either_path_takes_every_content_type() {
    let service = Service::start().await;
    let client = client();
    for path in ["/", "/push/probe"] {
        for content_type in [
            "application/json",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "text/plain",
        ] {
            let request = client
                .post(format!("{}{path}", service.url))
                .header("content-type", content_type);
            let request = request
                .bearer_auth(service.token())
                .body(service.message(task::SUCCEED).body());
            assert_eq!(
                request.send().await.expect("an answer").status(),
                204,
                "{path} {content_type}"
            );
        }
    }
    assert_eq!(service.runs(), 8);
}

#[tokio::test]
async fn a_push_to_the_path_of_another_subscription_is_rejected() {
    let service = Service::start().await;
    let reply = push_to(
        &format!("{}/push/other", service.url),
        service.message(task::SUCCEED).body(),
        &service.token(),
    )
    .await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.body, "not a push\n");
    assert_eq!(service.runs(), 0);
}

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
async fn h2c_is_served_on_the_port_of_http_1() {
    let service = Service::start().await;
    let h1 = client_builder().http1_only().build().expect("a client");
    let h2 = client_builder()
        .http2_prior_knowledge()
        .build()
        .expect("a client");
    for (client, version) in [
        (h1, reqwest::Version::HTTP_11),
        (h2, reqwest::Version::HTTP_2),
    ] {
        let request = client
            .post(&service.url)
            .bearer_auth(service.token())
            .body(service.message(task::SUCCEED).body());
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 204);
        assert_eq!(response.version(), version);
    }
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

#[tokio::test]
async fn health_checks_succeed() {
    let service = Service::start().await;
    let live = get(format!("{}/health/live", service.url)).await;
    assert_eq!(live.expect("an answer").status(), 200);
    soon("readiness", async { while service.ready().await != 200 {} }).await;
}

#[tokio::test]
async fn an_unknown_path_or_method_is_rejected() {
    let service = Service::start().await;
    for (method, path, status) in [
        ("GET", "/", 405),
        ("PUT", "/", 405),
        ("GET", "/push/probe", 405),
        ("POST", "/push", 404),
        ("GET", "/nowhere", 404),
    ] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let response = client()
            .request(method, format!("{}{path}", service.url))
            .send()
            .await;
        assert_eq!(response.expect("an answer").status(), status, "{path}");
    }
}

#[tokio::test]
async fn the_log_explains_each_refusal_without_secrets() {
    let google = Google::start().await;
    let (mut process, url) = Process::serve(&settings(&google, "memory:")).await;
    let issuer = google.emulator.issuer();
    let token = issuer.token(CALLER, AUDIENCE);
    let stranger = issuer.token("stranger@elsewhere.iam.gserviceaccount.com", AUDIENCE);
    let forged = |forgery| issuer.forged(forgery, CALLER, AUDIENCE);
    let secret = json!({"message": {"data": "aHVzaA==", "attributes": {"k": "hush"}, "messageId": 7}, "subscription": "hush"}).to_string();
    let table = [
        (
            token.clone(),
            "",
            "push to /push/SUBSCRIPTION): it is empty",
        ),
        (
            token.clone(),
            secret.as_str(),
            "push to /push/SUBSCRIPTION): `message.messageId` (line 1, column ",
        ),
        (
            stranger,
            "",
            "caller \"stranger@elsewhere.iam.gserviceaccount.com\" may not push here, expected \"push@test-project",
        ),
        (
            issuer.token(CALLER, "https://other.example.com"),
            "",
            "token of \"push@test-project.iam.gserviceaccount.com\" is for audience \"https://other.example.com\", expected \"https://push.example.com\"",
        ),
        ("hush".into(), "", "token refused: not a JWT"),
        (forged(Forgery::WrongIssuer), "", "claim iss is "),
        (forged(Forgery::Expired), "", "claim exp was "),
        (forged(Forgery::IssuedInTheFuture), "", "claim iat is "),
        (
            forged(Forgery::EmailNotVerified),
            "",
            "claim email_verified is false, expected true",
        ),
        (
            forged(Forgery::Missing(Claim::Email)),
            "",
            "missing field `email`",
        ),
        (
            forged(Forgery::Unsigned),
            "",
            "header alg is \"none\", expected \"RS256\"",
        ),
        (
            forged(Forgery::PublicKeyAsSecret),
            "",
            "header alg is \"HS256\", expected \"RS256\"",
        ),
        (
            forged(Forgery::ForeignKey),
            "",
            "the signature does not belong to this header and these claims",
        ),
        (
            forged(Forgery::UnknownKeyId),
            "",
            "is none of the issuer's current keys",
        ),
    ];
    for (token, body, reason) in &table {
        push_to(&url, (*body).to_owned(), token).await;
        let says = |line: &Value| {
            line["reason"]
                .as_str()
                .is_some_and(|text| text.contains(reason))
        };
        let line = process.log(says).await;
        assert_eq!(line["outcome"].as_str(), Some("refused"), "{line}");
        assert_eq!(line["severity"].as_str(), Some("WARNING"), "{line}");
    }
    let lines = process.lines();
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.contains("push refused"))
            .count(),
        table.len()
    );
    for line in lines {
        assert!(!line.contains("hush") && !line.contains("aHVzaA"), "{line}");
        assert!(
            table.iter().all(|(token, ..)| !line.contains(token)),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_mistyped_endpoint_or_method_is_rejected_without_a_body() {
    use crate::harness::{client, reply};
    let service = Service::start().await;
    let body = service.message(task::SUCCEED).body();
    for path in ["/pubsub", "/push/", "/push/probe/"] {
        let request = client()
            .post(format!("{}{path}", service.url))
            .body(body.clone());
        let answer = reply(request.send().await.expect("an answer")).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.body, "", "{path}");
    }
    let request = client().put(&service.url).body(body);
    let answer = reply(request.send().await.expect("an answer")).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.body, "");
}
