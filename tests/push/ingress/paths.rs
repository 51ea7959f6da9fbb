//! Paths, methods and protocols.

use crate::harness::probe::task;
use crate::harness::{Service, client, client_builder, get, push_to, soon};

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
