//! Accepted callers, and the refusal of all others.

use std::sync::Arc;
use std::time::Duration;

use emulator::Forgery;
use reqwest::header::AUTHORIZATION;

use crate::harness::google::{Google, Keys};
use crate::harness::probe::task;
use crate::harness::{
    AUDIENCE, CALLER, OTHERS_CALLER, Service, Setup, client, client_builder, soon, subscriber,
    time_passes,
};

/// The least time between two fetches that unknown keys cause.
const BETWEEN_FETCHES: Duration = Duration::from_secs(5);

#[tokio::test]
async fn no_forged_token_reaches_the_handler() {
    let service = Service::start().await;
    let message = service.message(task::SUCCEED);
    for forgery in Forgery::ALL {
        let token = service
            .google
            .emulator
            .issuer()
            .forged(forgery, CALLER, AUDIENCE);
        let reply = service.push_with(&message, &token).await;
        let status = match forgery {
            Forgery::WrongAudience => 403,
            _ => 401,
        };
        assert_eq!(reply.status, status, "{forgery:?}");
        assert_eq!(reply.body, "", "{forgery:?}");
    }
    assert_eq!(service.runs(), 0);
    assert_eq!(
        service.push(&message).await.status,
        204,
        "a good token is accepted all the while"
    );
}

#[tokio::test]
async fn a_genuine_token_of_somebody_else_is_refused() {
    let service = Service::start().await;
    let issuer = service.google.emulator.issuer();
    let message = service.message(task::SUCCEED);
    let known = "not allowed to push here\n"; // but not to this subscription
    for (email, audience, body) in [
        ("stranger@elsewhere.iam.gserviceaccount.com", AUDIENCE, ""),
        (CALLER, "https://push.example.com/", ""),
        (CALLER, "HTTPS://push.example.com", ""),
        (OTHERS_CALLER, AUDIENCE, known),
    ] {
        let reply = service
            .push_with(&message, &issuer.token(email, audience))
            .await;
        assert_eq!(reply.status, 403, "{email} {audience}");
        assert_eq!(reply.body.as_str(), body, "{email} {audience}");
    }
    assert_eq!(service.runs(), 0);
}

#[tokio::test]
async fn a_header_without_a_bearer_token_is_refused() {
    let service = Service::start().await;
    let good = service.token();
    let long = format!("Bearer {}", "x".repeat(60_000));
    for header in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Basic dXNlcjpwYXNz"),
        Some("Bearer a.b"),
        Some("Bearer a.b.c"),
        Some("Bearer ...."),
        Some("Bearer \u{e9}"),
        Some(good.as_str()),
        Some(long.as_str()),
    ] {
        let request = client()
            .post(&service.url)
            .body(service.message(task::SUCCEED).body());
        let request = match header {
            Some(value) => request.header(AUTHORIZATION, value.as_bytes()),
            None => request,
        };
        assert_eq!(
            request.send().await.expect("an answer").status(),
            401,
            "{header:?}"
        );
    }
    let two = client()
        .post(&service.url)
        .bearer_auth(&good)
        .bearer_auth(&good)
        .body(service.message(task::SUCCEED).body());
    assert_eq!(
        two.send().await.expect("an answer").status(),
        401,
        "two headers"
    );
    let lower = client()
        .post(&service.url)
        .header(AUTHORIZATION, format!("bearer {good}"))
        .body(service.message(task::SUCCEED).body());
    assert_eq!(
        lower.send().await.expect("an answer").status(),
        204,
        "the scheme's case does not matter"
    );
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn a_cold_start_fetches_the_keys_once_for_a_thousand_pushes() {
    let google = Arc::new(Google::with_keys(Keys::Withheld).await);
    let service = Setup::new()
        .google(&google)
        .subscriber(subscriber("probe").concurrency(1000))
        .setting("PUSHGATE_CONCURRENCY", 1000)
        .start()
        .await;
    let client = client_builder()
        .http2_prior_knowledge()
        .build()
        .expect("a client");
    let mut pushes = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let request = client
            .post(&service.url)
            .bearer_auth(service.token())
            .body(service.message(task::SUCCEED).body());
        pushes.spawn(async move { request.send().await.expect("an answer").status().as_u16() });
    }
    soon("the fetch", async {
        while google.fetches() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    google.set_keys(Keys::Served);
    let statuses = soon("all answers", pushes.join_all()).await;
    assert!(statuses.iter().all(|status| *status == 204), "{statuses:?}");
    assert_eq!(service.runs(), 1000);
    assert_eq!(google.fetches(), 1);
}

#[tokio::test]
async fn without_keys_pushes_are_answered_503_until_they_are_served() {
    let google = Arc::new(Google::with_keys(Keys::Status(500)).await);
    let service = Setup::new().google(&google).start().await;
    let message = service.message(task::SUCCEED);
    assert_eq!(service.push(&message).await.status, 503);
    assert_eq!(service.ready().await, 503);
    google.set_keys(Keys::Garbage);
    assert_eq!(service.push(&message).await.status, 503);
    google.set_keys(Keys::Served);
    soon("recovery", async {
        while service.push(&message).await.status != 204 {}
    })
    .await;
    soon("readiness", async { while service.ready().await != 200 {} }).await;
}

#[tokio::test]
async fn known_keys_serve_while_the_key_server_fails() {
    let google = Arc::new(Google::start().await);
    let service = Setup::new().google(&google).start().await;
    let message = service.message(task::SUCCEED);
    assert_eq!(service.push(&message).await.status, 204);
    google.set_keys(Keys::Status(500));
    let stranger = service
        .google
        .emulator
        .issuer()
        .forged(Forgery::UnknownKeyId, CALLER, AUDIENCE);
    assert_eq!(service.push_with(&message, &stranger).await.status, 401);
    assert_eq!(
        service.push(&service.message(task::SUCCEED)).await.status,
        204
    );
}

#[tokio::test]
async fn a_withdrawn_key_is_forgotten_even_for_cached_tokens() {
    let service = Service::start().await;
    let issuer = service.google.emulator.issuer();
    let old = service.token();
    assert_eq!(
        service
            .push_with(&service.message(task::SUCCEED), &old)
            .await
            .status,
        204
    );
    issuer.rotate();
    time_passes(BETWEEN_FETCHES).await;
    let accepted =
        async { while service.push(&service.message(task::SUCCEED)).await.status != 204 {} };
    soon("the new key", accepted).await;
    assert_eq!(
        service
            .push_with(&service.message(task::SUCCEED), &old)
            .await
            .status,
        204,
        "the last key is still published"
    );
    issuer.rotate();
    time_passes(BETWEEN_FETCHES).await;
    let accepted =
        async { while service.push(&service.message(task::SUCCEED)).await.status != 204 {} };
    soon("the newest key", accepted).await;
    assert_eq!(
        service
            .push_with(&service.message(task::SUCCEED), &old)
            .await
            .status,
        401,
        "the first key was withdrawn"
    );
}
