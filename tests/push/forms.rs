//! Each form in which Google delivers is one message, and runs its handler once.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pushgate::Idempotency;
use serde_json::json;

use crate::harness::forms::{BINARY, PROBE, STRUCTURED, TYPE, event, metadata};
use crate::harness::message::TestMessage;
use crate::harness::probe::task;
use crate::harness::{
    AUDIENCE, CALLER, OTHERS_CALLER, PROJECT, Service, Setup, client, client_builder, push_to,
    subscriber,
};

/// A subscriber whose pushes have no message id, so each of them runs.
fn unwrapped() -> Setup {
    let harmless = Idempotency::none("the test counts");
    let subscriber = subscriber("probe").unwrapped().idempotency(harmless);
    Setup::new().subscriber(subscriber)
}

#[tokio::test]
async fn every_form_runs_the_handler_once() {
    let service = Service::start().await;
    let texts = || (0..6).map(|_| service.message(task::SUCCEED).attribute("region", "eu"));
    let messages: Vec<_> = texts().collect();
    let ids: Vec<_> = messages.iter().map(|message| message.id.clone()).collect();
    let unwrapped = |id| [metadata(id).as_slice(), &[("region", "eu")]].concat();
    let encoded = json!({"specversion": "1.0", "type": TYPE, "data_base64": STANDARD.encode(messages[3].body())});
    let forms = [
        ("/push/probe", Vec::new(), messages[0].body()),
        ("/push/probe", BINARY.to_vec(), messages[1].body()),
        ("/", vec![STRUCTURED], event(&messages[2])),
        ("/push/probe", vec![STRUCTURED], encoded.to_string()),
        ("/", unwrapped(&ids[4]), task::SUCCEED.to_owned()),
        ("/push/probe", unwrapped(&ids[5]), task::SUCCEED.to_owned()),
    ];
    for ((path, headers, body), id) in forms.iter().zip(&ids) {
        for _ in 0..2 {
            let reply = service.push_as(path, headers, body.clone()).await;
            assert_eq!(reply.status, 204, "{headers:?}");
            assert_eq!(reply.body, "", "{headers:?}");
        }
        assert_eq!(service.probe.runs_of(id), 1, "{headers:?}");
        let context = service.probe.context(id);
        assert_eq!(service.probe.data(id), task::SUCCEED.as_bytes());
        assert_eq!(context.subscription.as_ref(), PROBE);
        assert_eq!(context.publish_time.unix_timestamp(), 1_893_553_445);
        let attributes = BTreeMap::from([("region".to_owned(), "eu".to_owned())]);
        assert_eq!(*context.attributes, attributes, "{headers:?}");
    }
    assert_eq!(service.runs(), ids.len());
}

#[tokio::test]
async fn a_message_is_the_same_whether_wrapped_or_not() {
    let service = Service::start().await;
    let (one, other) = (
        service.message(task::SUCCEED),
        service.message(task::SUCCEED),
    );
    let (first, second) = (metadata(&one.id), metadata(&other.id));
    assert_eq!(service.push(&one).await.status, 204);
    assert_eq!(
        service.push_as("/", &first, task::SUCCEED).await.status,
        204
    );
    assert_eq!(
        service.push_as("/", &second, task::SUCCEED).await.status,
        204
    );
    assert_eq!(
        service.push_as("/", &BINARY, other.body()).await.status,
        204
    );
    assert_eq!(service.runs(), 2);
}

#[tokio::test]
async fn payload_alone_reaches_a_subscriber_that_declares_it() {
    let service = unwrapped().start().await;
    let forged = TestMessage::new("other", task::FAIL).body();
    for headers in [BINARY.as_slice(), &[STRUCTURED], &[]] {
        let reply = service
            .push_as("/push/probe", headers, forged.clone())
            .await;
        assert_eq!(reply.status, 204, "{headers:?}");
    }
    let ids = service.probe.order();
    assert!(ids[0].starts_with("payload:") && ids.iter().all(|id| *id == ids[0]));
    let context = service.probe.context(&ids[0]);
    assert_eq!(service.probe.data(&ids[0]), forged.into_bytes());
    assert_eq!(context.subscription.as_ref(), PROBE);
    assert!(context.attributes.is_empty() && context.ordering_key.is_none());
    assert_eq!(service.push_as("/push/probe", &[], "").await.status, 204);
    let reply = service
        .push_as("/push/probe", &metadata("7"), task::SUCCEED)
        .await;
    assert_eq!(reply.status, 204);
    assert_eq!(service.probe.runs_of("7"), 1);
    assert_eq!(service.push_as("/", &[], task::SUCCEED).await.status, 400);
    assert_eq!(service.runs(), 5);
}

#[tokio::test]
async fn a_push_without_a_needed_message_id_is_refused() {
    let needing = subscriber("probe").unwrapped();
    let service = Setup::new().subscriber(needing).start().await;
    let body = service.message(task::SUCCEED).body();
    assert_eq!(service.push_as("/push/probe", &[], body).await.status, 400);
    assert_eq!(service.runs(), 0);
    let reply = service
        .push_as("/push/probe", &metadata("7"), task::SUCCEED)
        .await;
    assert_eq!(reply.status, 204);
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn eventarcs_subscription_belongs_to_its_declared_subscriber() {
    let setup = Setup::new().also(subscriber("orders").eventarc());
    let service = setup.start().await;
    let message = TestMessage::new("eventarc-europe-west1-orders-sub-042", task::SUCCEED);
    let (body, event) = (message.body(), event(&message));
    for _ in 0..2 {
        let binary = service.push_as("/push/orders", &BINARY, body.clone()).await;
        assert_eq!(binary.status, 204);
        let structured = service
            .push_as("/push/orders", &[STRUCTURED], event.clone())
            .await;
        assert_eq!(structured.status, 204);
    }
    assert_eq!(service.runs(), 1, "both modes carry the same message");
    assert_eq!(
        service.probe.context(&message.id).subscription.as_ref(),
        format!("projects/{PROJECT}/subscriptions/orders")
    );
    let foreign = body.replace(PROJECT, "another-project");
    for (path, headers, body, status) in [
        ("/push/probe", BINARY.as_slice(), &body, 400),
        ("/push/orders", &[], &body, 400),
        ("/push/orders", &BINARY, &foreign, 400),
        ("/", &BINARY, &body, 404),
    ] {
        let reply = service.push_as(path, headers, body.clone()).await;
        assert_eq!(reply.status, status, "{path} {headers:?}");
    }
    let token = service
        .google
        .emulator
        .issuer()
        .token(OTHERS_CALLER, AUDIENCE);
    let url = format!("{}/push/orders", service.url);
    let stranger = push_to(
        &url,
        TestMessage::new("orders", task::SUCCEED).body(),
        &token,
    )
    .await;
    assert_eq!(stranger.status, 403, "the path changes no binding");
    assert_eq!(service.runs(), 1);
}

#[tokio::test]
async fn a_message_with_all_its_attributes_passes_over_both_protocols() {
    let service = Service::start().await;
    let names: Vec<_> = (0..100).map(|index| format!("attribute-{index}")).collect();
    let value = "v".repeat(300);
    let h1 = client_builder().http1_only().build();
    let h2 = client_builder().http2_prior_knowledge().build();
    for (client, id) in [(h1, "1"), (h2, "2")] {
        let mut request = client
            .expect("a client")
            .post(&service.url)
            .bearer_auth(service.token());
        for (name, value) in metadata(id) {
            request = request.header(name, value);
        }
        for name in &names {
            request = request.header(name, &value);
        }
        let answer = request.body(task::SUCCEED).send().await.expect("an answer");
        assert_eq!(answer.status(), 204);
        assert_eq!(service.probe.context(id).attributes.len(), 100);
    }
}

#[tokio::test]
async fn payload_alone_with_a_key_in_it_runs_once() {
    let by_order = Idempotency::by_payload("/order");
    let probe = subscriber("probe").unwrapped().idempotency(by_order);
    let service = Setup::new().subscriber(probe).start().await;
    service.google.keep_dead_letters();
    for (body, runs) in [
        (r#"{"order":"o-1"}"#, 1),
        (r#"{"order":"o-1"}"#, 1),
        (r#"{"order":"o-2"}"#, 2),
        (r#"{"order":"o-1"}"#, 2),
        (r#"{"no":"order"}"#, 2),
    ] {
        let reply = service.push_as("/push/probe", &[], body.to_owned()).await;
        assert_eq!(reply.status, 204, "{body}");
        assert_eq!(service.runs(), runs, "{body}");
    }
    assert_eq!(
        service.google.dead_letters().len(),
        1,
        "the one without a key"
    );
}

#[tokio::test]
async fn a_push_of_eventarc_is_accepted_at_each_url() {
    // The endpoint and the audience of an export of one of its subscriptions.
    const PATH: &str = "/push/orders?__GCP_CloudEventsMode=CE_PUBSUB_BINDING";
    let setup = Setup::new()
        .setting("K_SERVICE", "shop")
        .setting("PUSHGATE_STORE", "memory:a test")
        .also(subscriber("orders").eventarc());
    let service = setup.start().await;
    let push = async |path: &str, audience: &str| {
        let message = TestMessage::new("eventarc-europe-west1-orders-sub-042", task::SUCCEED);
        let token = service.google.emulator.issuer().token(CALLER, audience);
        let url = format!("{}{path}", service.url);
        let mut request = client().post(url).bearer_auth(token).body(message.body());
        for (name, value) in BINARY {
            request = request.header(name, value);
        }
        request.send().await.expect("an answer").status().as_u16()
    };
    for audience in [
        "https://shop-u5jzw3umja-ew.a.run.app",
        "https://shop-123456789012.europe-west1.run.app",
        AUDIENCE,
    ] {
        assert_eq!(push(PATH, audience).await, 204, "{audience}");
    }
    let others = "https://other-u5jzw3umja-ew.a.run.app";
    assert_eq!(push(PATH, others).await, 403);
    let issuer = service.google.emulator.issuer();
    let token = issuer.token(CALLER, "https://shop-u5jzw3umja-ew.a.run.app");
    let url = format!("{}/push/probe", service.url);
    let reply = push_to(&url, service.message(task::SUCCEED).body(), &token).await;
    assert_eq!(
        reply.status, 403,
        "a subscription of one's own has its own audience"
    );
    assert_eq!(service.runs(), 3);
}
