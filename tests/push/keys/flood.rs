//! Invented key ids, which cost the issuer few fetches and delay no valid push.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::story::FLOOR;
use crate::harness::key_server::Answer;
use crate::harness::mint::{Issuer, claims, header, join, unsigned, with};
use crate::harness::probe::task;
use crate::harness::{Service, client_builder, soon, subscriber, time_passes};

const STRANGERS: usize = 1000;
const GOOD_PUSHES: usize = 200;
/// The number of pushes that may wait for a fetch while keys are known.
const WAITING: usize = 100;
/// Few enough that all are answered before a fetch times out.
const FEW: usize = 50;

struct Flood {
    issuer: Issuer,
    service: Arc<Service>,
}

impl Flood {
    async fn start() -> Self {
        let issuer = Issuer::start().await;
        let setup = issuer
            .setup()
            .subscriber(subscriber("probe").concurrency(1000))
            .setting("PUSHGATE_CONCURRENCY", 1000);
        let service = Arc::new(setup.start().await);
        let message = service.message(task::SUCCEED);
        let first = service.push_with(&message, &issuer.key.good()).await;
        assert_eq!(first.status, 204);
        Self { issuer, service }
    }

    /// Pushes all tokens at the same time over one connection.
    fn push(&self, tokens: impl IntoIterator<Item = String>) -> JoinSet<u16> {
        let client = client_builder().http2_prior_knowledge().build();
        let client = client.expect("a client");
        let mut pushes = JoinSet::new();
        for token in tokens {
            let request = client.post(&self.service.url).bearer_auth(token);
            let request = request.body(self.service.message(task::SUCCEED).body());
            pushes.spawn(async move { request.send().await.expect("an answer").status().as_u16() });
        }
        pushes
    }

    /// Tokens of unknown keys, whose signatures are never verified.
    fn strangers(&self, number: usize) -> JoinSet<u16> {
        let token = |number| {
            join(
                &unsigned(&header(&format!("invented-{number}")), &claims()),
                [7; 256],
            )
        };
        self.push((0..number).map(token))
    }

    /// Cached tokens and new ones.
    fn good(&self, number: usize) -> JoinSet<u16> {
        let key = &self.issuer.key;
        let token = |number| key.token(&header("good"), &with(&claims(), "jti", number / 2));
        self.push((0..number).map(token))
    }
}

fn assert_all(statuses: &[u16], number: usize, status: u16) {
    assert_eq!(statuses.len(), number);
    assert!(
        statuses.iter().all(|other| *other == status),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn a_thousand_invented_key_ids_cause_one_fetch() {
    let flood = Flood::start().await;
    let server = &flood.issuer.server;
    let (before, start) = (server.fetches(), Instant::now());
    let (strangers, good) = (flood.strangers(STRANGERS), flood.good(GOOD_PUSHES));
    let (strangers, good) = soon("all answers", async {
        tokio::join!(strangers.join_all(), good.join_all())
    })
    .await;
    let allowed = 1 + start.elapsed().as_secs() / FLOOR.as_secs();
    let is_refusal = |status: &u16| [401, 503].contains(status);
    assert!(strangers.iter().all(is_refusal), "{strangers:?}");
    assert_all(&good, GOOD_PUSHES, 204);
    assert!((server.fetches() - before) as u64 <= allowed);
}

#[tokio::test]
async fn a_slow_key_server_delays_only_unknown_keys() {
    let flood = Flood::start().await;
    let server = &flood.issuer.server;
    let before = server.fetches();
    server.set_answer(Answer::Withheld);
    time_passes(FLOOR).await;
    let mut strangers = flood.strangers(FEW);
    server.fetched(before + 1).await;
    let good = soon("all good pushes", flood.good(FEW).join_all()).await;
    assert_all(&good, FEW, 204);
    assert!(
        strangers.try_join_next().is_none(),
        "they wait for the fetch"
    );
    server.set_answer(Answer::keys(&[flood.issuer.key.jwk()]));
    let strangers = soon("all answers", strangers.join_all()).await;
    assert_all(&strangers, FEW, 401);
    assert_eq!(server.fetches(), before + 1);
}

#[tokio::test]
async fn at_most_a_hundred_strangers_wait_for_keys() {
    let flood = Flood::start().await;
    let server = &flood.issuer.server;
    let before = server.fetches();
    server.set_answer(Answer::Withheld);
    time_passes(FLOOR).await;
    let mut strangers = flood.strangers(STRANGERS);
    server.fetched(before + 1).await;
    for _ in WAITING..STRANGERS {
        let refused = soon("a refusal", strangers.join_next()).await;
        assert_eq!(refused.expect("a stranger").expect("an answer"), 503);
    }
    let good = soon("all good pushes", flood.good(GOOD_PUSHES).join_all()).await;
    assert_all(&good, GOOD_PUSHES, 204);
    assert!(strangers.try_join_next().is_none(), "they wait");
    server.set_answer(Answer::keys(&[flood.issuer.key.jwk()]));
    let strangers = soon("all answers", strangers.join_all()).await;
    assert_all(&strangers, WAITING, 401);
}

#[tokio::test]
async fn one_fetch_in_five_seconds_is_all_that_strangers_get() {
    let flood = Flood::start().await;
    let server = &flood.issuer.server;
    for _ in 0..5 {
        time_passes(FLOOR).await;
        let (before, start) = (server.fetches(), Instant::now());
        for _ in 0..10 {
            let stranger = unsigned(&header("invented"), &claims());
            let refused = flood.push([join(&stranger, [7; 256])]).join_all().await;
            assert_all(&refused, 1, 401);
        }
        let fetches = (server.fetches() - before) as u64;
        let allowed = 1 + start.elapsed().as_secs() / FLOOR.as_secs();
        assert!((1..=allowed).contains(&fetches), "{fetches} fetches");
    }
}
