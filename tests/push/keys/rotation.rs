//! Keys that are withdrawn or replaced while their tokens are cached.

use std::pin::pin;

use super::story::STALE;
use crate::harness::key_server::Answer;
use crate::harness::mint::{Issuer, RsaKey};
use crate::harness::probe::task;
use crate::harness::{Service, time_passes};

async fn push(service: &Service, token: &str) -> u16 {
    service
        .push_with(&service.message(task::SUCCEED), token)
        .await
        .status
}

/// Lets the keys become stale and be fetched again. A push is answered by the old ones meanwhile, so another key's token
/// is what waits for the new ones.
async fn refetch(issuer: &Issuer, service: &Service) {
    let before = issuer.server.fetches();
    time_passes(STALE).await;
    let unknown = RsaKey::new("unknown").good();
    assert_eq!(push(service, &unknown).await, 401);
    assert_eq!(issuer.server.fetches(), before + 1);
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_even_for_remembered_tokens() {
    let issuer = Issuer::start().await;
    let service = issuer.service().await;
    let (old, next) = (issuer.key.good(), RsaKey::new("next"));
    assert_eq!(push(&service, &old).await, 204);
    issuer.server.set_answer(Answer::keys(&[next.jwk()]));
    refetch(&issuer, &service).await;
    assert_eq!(push(&service, &old).await, 401, "a remembered token");
    assert_eq!(push(&service, &issuer.key.good()).await, 401, "a new one");
    assert_eq!(push(&service, &next.good()).await, 204);
    issuer
        .server
        .set_answer(Answer::keys(&[next.jwk(), issuer.key.jwk()]));
    refetch(&issuer, &service).await;
    assert_eq!(push(&service, &old).await, 204, "it was published again");
}

#[tokio::test]
async fn a_key_replaced_under_its_id_is_refused_for_cached_tokens() {
    let issuer = Issuer::start().await;
    let service = issuer.service().await;
    let (old, next) = (issuer.key.good(), RsaKey::new("good"));
    assert_eq!(push(&service, &old).await, 204);
    issuer.server.set_answer(Answer::keys(&[next.jwk()]));
    refetch(&issuer, &service).await;
    assert_eq!(push(&service, &old).await, 401, "a remembered token");
    assert_eq!(push(&service, &next.good()).await, 204);
}

#[tokio::test]
async fn stale_keys_serve_for_one_day() {
    const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
    let issuer = Issuer::start().await;
    let service = issuer.service().await;
    let good = issuer.key.good();
    issuer
        .server
        .set_answer(Answer::reply("500 Internal Server Error", "", ""));
    time_passes(DAY).await;
    assert_eq!(push(&service, &good).await, 204);
    time_passes(STALE).await;
    assert_eq!(push(&service, &good).await, 503, "a remembered token");
    assert_eq!(push(&service, &issuer.key.good()).await, 503, "a new one");
    issuer.server.set_answer(Answer::keys(&[issuer.key.jwk()]));
    time_passes(STALE).await;
    assert_eq!(push(&service, &good).await, 204);
}

/// Cloud Run may give no CPU after the response, so the fetch must happen before.
#[tokio::test]
async fn a_push_waits_for_keys_that_are_too_old() {
    let issuer = Issuer::start().await;
    let service = issuer.service().await;
    let (old, next) = (issuer.key.good(), RsaKey::new("next"));
    assert_eq!(push(&service, &old).await, 204);
    let before = issuer.server.fetches();
    issuer.server.set_answer(Answer::Withheld);
    time_passes(STALE).await;
    let mut first = pin!(push(&service, &old));
    tokio::select! {
        status = &mut first => panic!("{status} before the fetch has ended"),
        () = issuer.server.fetched(before + 1) => {}
    }
    assert_eq!(push(&service, &old).await, 204, "only one push waits");
    issuer.server.set_answer(Answer::keys(&[next.jwk()]));
    assert_eq!(first.await, 204, "its handler did not wait");
    assert_eq!(push(&service, &old).await, 401, "the key was withdrawn");
    assert_eq!(issuer.server.fetches(), before + 1);
}
