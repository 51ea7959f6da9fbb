//! Tests of the console's API and its access rules.

use std::time::Duration;

use emulator::{
    DeadLetterPolicy, Emulator, Message, Options, Pace, PushConfig, SubscriptionConfig,
};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::harness::{
    Answer, DEAD_SUBSCRIPTION, DEAD_TOPIC, SUBSCRIPTION, Scene, TOPIC, emulator, statuses,
};

const PUBLISH: &str = "topics/shop/orders/publish";
/// Longer than the longest outcome that is shown.
const LONG: &str = "a-very-long-word-that-no-service-would-have";

fn request(emulator: &Emulator, method: Method, path: &str) -> RequestBuilder {
    Client::new().request(method, format!("{}/console/{path}", emulator.url()))
}

async fn get(emulator: &Emulator, path: &str) -> Value {
    let response = request(emulator, Method::GET, &format!("api/{path}"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.json().await.unwrap()
}

async fn post(emulator: &Emulator, path: &str, body: Value) -> (u16, Value) {
    let response = request(emulator, Method::POST, &format!("api/{path}"))
        .json(&body)
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Requests until `fits`, each time after the end of a push.
async fn get_when(scene: &mut Scene, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let found = get(&scene.emulator, path).await;
        if fits(&found) {
            return found;
        }
        scene.ended().await;
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn the_root_redirects_browsers_to_the_console() {
    let emulator = emulator(Pace::Eager);
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let accepting = |kinds: &'static str| client.get(emulator.url()).header("accept", kinds).send();
    let program = accepting("*/*").await.unwrap();
    assert_eq!(program.status().as_u16(), 200);
    assert_eq!(program.text().await.unwrap(), "Ok");
    let browser = accepting("text/html,application/xhtml+xml,*/*;q=0.8")
        .await
        .unwrap();
    assert_eq!(browser.status().as_u16(), 307);
    assert_eq!(header(&browser, "location"), "/console/");
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let emulator = emulator(Pace::Eager);
    let index = request(&emulator, Method::GET, "").send().await.unwrap();
    assert!(header(&index, "content-security-policy").starts_with("default-src 'self'; "));
    assert_eq!(header(&index, "x-content-type-options"), "nosniff");
    let (mut known, mut open) = (Vec::new(), vec![index.text().await.unwrap()]);
    while let Some(text) = open.pop() {
        let foreign = text
            .replace("http://www.w3.org/2000/svg", "")
            .replace("http://127.0.0.1:8080/", "");
        assert!(
            !foreign.contains("http://") && !foreign.contains("https://"),
            "{text}"
        );
        assert!(
            !text.contains("innerHTML") && !text.contains("insertAdjacent"),
            "markup is not made of text"
        );
        let pieces = text.split(['"', '\'']);
        let names = pieces.filter_map(|piece| {
            piece
                .strip_prefix("/console/")
                .or_else(|| piece.strip_prefix("./"))
        });
        for name in names.filter(|name| name.contains('.')).map(str::to_owned) {
            if !known.contains(&name) {
                let file = request(&emulator, Method::GET, &name).send().await.unwrap();
                assert_eq!(file.status(), 200, "{name}");
                known.push(name);
                open.push(file.text().await.unwrap());
            }
        }
    }
    assert!(known.len() >= 13, "{known:?}");
    assert_eq!(
        request(&emulator, Method::GET, "none.js")
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn a_name_that_was_pointed_here_is_refused() {
    let scene = Scene::eager([]).await;
    for path in ["", "console.js", "api/overview", "api/messages", "api/live"] {
        let get = request(&scene.emulator, Method::GET, path).header("host", "evil.example");
        assert_eq!(get.send().await.unwrap().status(), 403, "{path}");
    }
    let body = json!({"data": "hi"});
    let publish = request(&scene.emulator, Method::POST, &format!("api/{PUBLISH}")).json(&body);
    let refused = publish
        .header("host", "evil.example:8085")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 403);
    let answer: Value = refused.json().await.unwrap();
    assert_eq!(answer["error"]["status"], "PERMISSION_DENIED");
    assert_eq!(get(&scene.emulator, "messages").await["total"], 0);
}

#[tokio::test]
async fn other_pages_cannot_change_anything() {
    let scene = Scene::eager([]).await;
    let body = json!({"data": "hi"}).to_string();
    let publish = |kind: &str, name: &str, value: &str| {
        let request = request(&scene.emulator, Method::POST, &format!("api/{PUBLISH}"));
        request
            .header("content-type", kind)
            .header(name, value)
            .body(body.clone())
            .send()
    };
    for (kind, name, value, status) in [
        ("text/plain", "x-nothing", "", 415),
        ("application/x-www-form-urlencoded", "x-nothing", "", 415),
        ("application/json", "origin", "http://evil.example", 403),
        ("application/json", "origin", "null", 403),
        ("application/json", "sec-fetch-site", "cross-site", 403),
        ("application/json", "sec-fetch-site", "same-site", 403),
        (
            "application/json",
            "origin",
            scene.emulator.url().as_str(),
            200,
        ),
        ("application/json", "sec-fetch-site", "same-origin", 200),
    ] {
        let response = publish(kind, name, value).await.unwrap();
        assert_eq!(response.status(), status, "{kind} {name}: {value}");
    }
    assert_eq!(get(&scene.emulator, "messages").await["total"], 2);
}

#[tokio::test]
async fn a_message_is_published_as_the_form_says() {
    let mut scene = Scene::eager([]).await;
    let body = json!({
        "data": "{\"order\": 1}", "encoding": "json", "attributes": {"kind": "order"}, "orderingKey": "customer", "count": 2,
    });
    let (status, answer) = post(&scene.emulator, PUBLISH, body).await;
    assert_eq!(status, 200);
    assert_eq!(answer["messageIds"].as_array().unwrap().len(), 2);
    for _ in 0..2 {
        let message = scene.endpoint.next().await.body["message"].clone();
        assert_eq!(message["data"], "eyJvcmRlciI6IDF9");
        assert_eq!(message["attributes"]["kind"], "order");
        assert_eq!(message["orderingKey"], "customer");
    }
    let (status, _) = post(
        &scene.emulator,
        PUBLISH,
        json!({"data": " _w\n8=".replace('_', "/"), "encoding": "base64"}),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(scene.endpoint.next().await.body["message"]["data"], "/w8=");
}

#[tokio::test]
async fn what_cannot_be_published_is_refused_with_the_reason() {
    let scene = Scene::eager([]).await;
    for (body, reason) in [
        (
            json!({"data": ""}),
            "A message needs data or at least one attribute",
        ),
        (
            json!({"data": "{", "encoding": "json"}),
            "The data is not JSON: ",
        ),
        (
            json!({"data": "?", "encoding": "base64"}),
            "The data is not Base64: ",
        ),
        (json!({"data": "hi", "count": 0}), "1 to 1000 messages"),
        (json!({"data": "hi", "count": 1_001}), "1 to 1000 messages"),
        (
            json!({"data": "hi", "attributes": {"google": "x"}}),
            "The attribute key \"google\"",
        ),
        (
            json!({"data": "hi", "surprise": 1}),
            "Failed to deserialize",
        ),
    ] {
        let (status, answer) = post(&scene.emulator, PUBLISH, body.clone()).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(
            status == 400 && message.starts_with(reason),
            "{body}: {status} {message}"
        );
    }
    let (status, _) = post(
        &scene.emulator,
        "topics/shop/missing/publish",
        json!({"data": "hi"}),
    )
    .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn the_overview_shows_backlogs_with_their_failures() {
    let mut scene = Scene::start(Pace::Google, statuses([503; 9]), |_| {}).await;
    for _ in 0..10 {
        scene.publish(Message::new("hi"));
    }
    scene.ended().await;
    let found = get(&scene.emulator, "overview").await;
    let named = |list: &str, id: &str| {
        let all = found[list].as_array().unwrap().iter();
        all.clone().find(|each| each["id"] == id).unwrap().clone()
    };
    let billing = named("subscriptions", "billing");
    assert_eq!(billing["backlog"], 10);
    assert_eq!(billing["failing"]["reply"], "503");
    assert!(billing["pausedMs"].as_f64().unwrap() > 0.0);
    assert!(billing["oldestUnackedMs"].as_f64().is_some());
    assert_eq!(billing["endpoint"], scene.endpoint.url());
    assert_eq!(
        named("topics", "orders")["subscriptions"],
        json!([SUBSCRIPTION])
    );
    assert_eq!(
        named("subscriptions", "orders-dead")["endpoint"],
        Value::Null
    );
}

#[tokio::test]
async fn the_life_of_a_message_shows_every_attempt() {
    let mut scene = Scene::eager(statuses([500])).await;
    let id = scene.publish(Message::new("<img src=x onerror=alert(1)>"));
    scene.acked(&id).await;
    let acked = |life: &Value| life["subscriptions"][0]["status"]["state"] == "acked";
    let life = get_when(&mut scene, &format!("messages/{id}"), acked).await;
    assert_eq!(life["topic"], TOPIC);
    assert_eq!(
        life["content"]["data"]["text"],
        "<img src=x onerror=alert(1)>"
    );
    let attempts = life["subscriptions"][0]["attempts"].as_array().unwrap();
    let replies: Vec<&Value> = attempts.iter().map(|attempt| &attempt["reply"]).collect();
    assert_eq!(replies, ["500", "204"]);
    assert_eq!(attempts[0]["number"], 1);
    assert_eq!(attempts[1]["number"], 2);
    assert_eq!(attempts[0]["settlement"]["kind"], "again");
    assert_eq!(attempts[0]["answer"]["status"], 500);
    assert!(attempts[1]["latencyMs"].as_f64().unwrap() > 0.0);
    let missing = request(&scene.emulator, Method::GET, "api/messages/12")
        .send()
        .await
        .unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn a_request_is_shown_without_the_signature_of_its_token() {
    let mut scene = Scene::start(Pace::Eager, [], |config| {
        let push = config.push_config.take().unwrap();
        config.push_config =
            Some(PushConfig::new(push.endpoint).signed_as("push@shop.example", Some("me")));
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    })
    .await;
    let id = scene.publish(Message::new("hi").with_attribute("kind", "order"));
    let push = scene.endpoint.next().await;
    let token = push
        .header("authorization")
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap();
    let path = format!("api/messages/{id}/request?subscription={SUBSCRIPTION}&attempt=1");
    let text = request(&scene.emulator, Method::GET, &path)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let signature = token.rsplit('.').next().unwrap();
    assert!(signature.len() > 300 && !text.contains(&signature[..20]));
    let shown: Value = serde_json::from_str(&text).unwrap();
    let headers = shown["headers"].as_array().unwrap();
    let authorization = json!([
        "authorization",
        format!("Bearer <token, {} bytes>", token.len())
    ]);
    assert!(headers.contains(&authorization), "{headers:?}");
    let claims = claims(&shown);
    assert_eq!(claims["email"], "push@shop.example");
    assert_eq!(claims["aud"], "me");
    let body: Value = serde_json::from_str(shown["body"]["text"].as_str().unwrap()).unwrap();
    assert_eq!(body, push.body);
    for (name, value) in headers.iter().map(|header| (&header[0], &header[1])) {
        if name != "authorization" {
            assert_eq!(push.header(name.as_str().unwrap()), value.as_str());
        }
    }
}

/// Returns the claims of a token in the console.
fn claims(shown: &Value) -> Value {
    serde_json::from_str(shown["token"]["claims"]["text"].as_str().unwrap()).unwrap()
}

async fn signed(answers: Vec<Answer>) -> Scene {
    Scene::start(Pace::Eager, answers, |config| {
        let push = config.push_config.take().unwrap();
        config.push_config =
            Some(PushConfig::new(push.endpoint).signed_as("push@shop.example", Some("me")));
    })
    .await
}

async fn set_faults(scene: &Scene, faults: Value) {
    let path = "subscriptions/shop/billing/faults";
    assert_eq!(post(&scene.emulator, path, faults).await.0, 200);
}

/// Returns the attempts to deliver a message to its first subscription.
async fn attempts(emulator: &Emulator, id: &str) -> Vec<Value> {
    let life = get(emulator, &format!("messages/{id}")).await;
    life["subscriptions"][0]["attempts"]
        .as_array()
        .unwrap()
        .clone()
}

#[tokio::test]
async fn a_forged_token_is_shown_as_it_was_sent() {
    let mut scene = signed(Vec::new()).await;
    set_faults(
        &scene,
        json!({"token": {"probability": 1, "forgery": "wrong-issuer"}}),
    )
    .await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    set_faults(&scene, json!({})).await;
    let again = json!({"messageId": id});
    post(
        &scene.emulator,
        "subscriptions/shop/billing/redeliver",
        again,
    )
    .await;
    scene.acked(&id).await;
    let attempts = attempts(&scene.emulator, &id).await;
    assert_eq!(attempts[0]["faults"]["token"], "wrong-issuer");
    assert_eq!(attempts[1]["faults"], Value::Null);
    let mut issuers = Vec::new();
    for attempt in &attempts {
        let path = format!(
            "messages/{id}/request?subscription={SUBSCRIPTION}&attempt={}&startedAt={}",
            attempt["number"],
            attempt["startedAt"].as_str().unwrap()
        );
        let shown = get(&scene.emulator, &path).await;
        issuers.push(claims(&shown)["iss"].clone());
    }
    assert_eq!(
        issuers,
        ["https://another-issuer.example", &scene.emulator.url()]
    );
}

#[tokio::test]
async fn no_token_is_forged_where_none_is_sent() {
    let mut scene = Scene::eager([]).await;
    let token = json!({"token": {"probability": 1, "forgery": "any"}});
    set_faults(&scene, token).await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    let attempts = attempts(&scene.emulator, &id).await;
    assert_eq!(attempts[0]["faults"], Value::Null);
}

#[tokio::test]
async fn every_fault_that_met_a_delivery_is_shown() {
    let mut scene = signed(Vec::new()).await;
    let unreachable =
        json!({"outage": true, "dropAnswer": 1, "token": {"probability": 1, "forgery": "any"}});
    set_faults(&scene, unreachable).await;
    let id = scene.publish(Message::new("hi"));
    scene.ended().await;
    let expected = json!({
        "token": null, "unreachable": true, "answerLost": false, "repeated": false, "lateMs": null, "letsPass": 0,
    });
    assert_eq!(attempts(&scene.emulator, &id).await[0]["faults"], expected);

    let late = json!({"probability": 1, "min": "0.01s", "max": "0.01s"});
    set_faults(
        &scene,
        json!({"duplicate": 1, "reorder": 1, "delay": late, "dropAnswer": 1}),
    )
    .await;
    let id = scene.publish(Message::new("hi"));
    while scene.ended().await.message_id != id {}
    let lost = attempts(&scene.emulator, &id).await[0]["faults"].clone();
    assert_eq!(lost["answerLost"], true);
    assert_eq!(lost["repeated"], false);
    assert_eq!(lost["lateMs"], 10.0);

    set_faults(&scene, json!({"duplicate": 1})).await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    scene.acked(&id).await;
    let attempts = attempts(&scene.emulator, &id).await;
    let repeated: Vec<&Value> = attempts.iter().map(|each| &each["faults"]).collect();
    assert_eq!(repeated[0]["repeated"], true);
    assert_eq!(repeated[1], &Value::Null);
}

#[tokio::test]
async fn failures_of_more_than_a_hundred_subscriptions_are_shown() {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    let made = (0..150).map(|each| orders.subscribe(&format!("sub-{each}")).unwrap());
    let subscriptions: Vec<_> = made.collect();
    orders.publish(Message::new("hi")).unwrap();
    for subscription in &subscriptions {
        assert!(subscription.next().await.unwrap().nack());
    }
    let found = get(&emulator, "overview").await;
    let shown = found["subscriptions"].as_array().unwrap();
    let failing = json!({"inARow": 1, "reply": "nack"});
    assert_eq!(shown.len(), 150);
    assert!(shown.iter().all(|each| each["failing"] == failing));
    let unknown = shown.iter().filter(|each| each["flow"].is_null());
    assert_eq!(unknown.count(), 50, "no rate is shown where none is known");
}

#[tokio::test]
async fn messages_are_listed_in_filtered_pages() {
    let scene = Scene::eager([]).await;
    let mut last = String::new();
    for _ in 0..120 {
        last = scene
            .emulator
            .publish(DEAD_TOPIC, Message::new("x"))
            .unwrap();
    }
    let page = |query: &'static str| {
        let emulator = &scene.emulator;
        async move {
            let found = get(emulator, &format!("messages?{query}")).await;
            (
                found["messages"].as_array().unwrap().len(),
                found["total"].as_u64().unwrap(),
                found["pages"].as_u64().unwrap(),
            )
        }
    };
    assert_eq!(page("").await, (50, 120, 3));
    assert_eq!(page("page=3").await, (20, 120, 3));
    assert_eq!(page("page=4").await, (0, 120, 3));
    assert_eq!(page("state=waiting").await, (50, 120, 3));
    assert_eq!(page("state=acked").await, (0, 0, 1));
    assert_eq!(page("topic=projects/shop/topics/orders").await, (0, 0, 1));
    assert_eq!(
        page("subscription=projects/shop/subscriptions/orders-dead&state=waiting").await,
        (50, 120, 3)
    );
    assert_eq!(
        page("subscription=projects/shop/subscriptions/billing").await,
        (0, 0, 1)
    );
    let found = get(&scene.emulator, &format!("messages?id={last}")).await;
    assert_eq!(found["total"], 1);
    assert_eq!(found["messages"][0]["id"], json!(last));
    assert_eq!(
        get(&scene.emulator, "messages").await["messages"][0]["id"],
        json!(last)
    );
}

#[tokio::test]
async fn a_message_that_nobody_received_is_said_to_be() {
    let emulator = emulator(Pace::Eager);
    emulator.create_topic(TOPIC).unwrap();
    let id = emulator.publish(TOPIC, Message::new("hi")).unwrap();
    let found = get(&emulator, "messages?state=unrouted").await;
    assert_eq!(found["messages"][0]["id"], json!(id));
    assert_eq!(found["messages"][0]["statuses"], json!([]));
    assert_eq!(get(&emulator, "messages?state=waiting").await["total"], 0);
}

#[tokio::test]
async fn the_history_keeps_as_many_messages_as_it_is_told() {
    let emulator = Emulator::start_with(Options {
        history_messages: 10,
        ..Options::default()
    })
    .unwrap();
    emulator.create_topic(TOPIC).unwrap();
    for _ in 0..25 {
        emulator.publish(TOPIC, Message::new("hi")).unwrap();
    }
    let found = get(&emulator, "messages").await;
    assert_eq!(found["total"], 10);
    assert_eq!(found["published"], 25);
}

#[tokio::test]
async fn a_burst_larger_than_the_history_loses_no_topic() {
    let emulator = Emulator::start_with(Options {
        history_messages: 10,
        pace: Pace::Eager,
        ..Options::default()
    })
    .unwrap();
    emulator.create_topic(TOPIC).unwrap();
    let billing = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    emulator.create_subscription(billing).unwrap();
    for _ in 0..25 {
        emulator.publish(TOPIC, Message::new("hi")).unwrap();
    }
    // Starting with the oldest, which was evicted from the history.
    let billing = emulator.subscription(SUBSCRIPTION).unwrap();
    for _ in 0..12 {
        billing.next().await.unwrap().ack();
    }
    let found = get(&emulator, &format!("messages?topic={TOPIC}")).await;
    assert_eq!(found["total"], 10);
    let messages = found["messages"].as_array().unwrap();
    assert!(messages.iter().all(|message| message["topic"] == TOPIC));
}

#[tokio::test]
async fn a_message_past_the_history_names_the_setting() {
    let keeping = |history_messages: usize| {
        let options = Options {
            history_messages,
            ..Options::default()
        };
        let emulator = Emulator::start_with(options).unwrap();
        emulator.create_topic(TOPIC).unwrap();
        let first = emulator.publish(TOPIC, Message::new("first")).unwrap();
        emulator.publish(TOPIC, Message::new("second")).unwrap();
        (emulator, first)
    };
    let check = async |emulator: &Emulator, id: &str, words: &str| {
        let path = format!("api/messages/{id}");
        let answer = request(emulator, Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{words}");
        let answer: Value = answer.json().await.unwrap();
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains(words), "{said}");
    };
    let (emulator, first) = keeping(1);
    let left = "has left the console's history, which keeps the latest 1 messages, in at most 8 MiB. Start the emulator with a larger --history";
    check(&emulator, &first, left).await;
    let later = u64::MAX.to_string();
    check(&emulator, &later, "does not know this message").await;
    check(&emulator, "none", "Resource not found (resource=none)").await;
    let (emulator, first) = keeping(0);
    check(&emulator, &first, "was started with --history 0").await;
}

async fn status_of(emulator: &Emulator, id: &str) -> Value {
    let life = get(emulator, &format!("messages/{id}")).await;
    life["subscriptions"][0]["status"].clone()
}

#[tokio::test]
async fn what_the_service_decided_is_shown_with_its_reason() {
    let answers = [
        Answer::Said(503, "failed", "the hall is locked\n"),
        Answer::Said(204, "handled", ""),
        Answer::Said(204, "duplicate", ""),
        Answer::Said(204, "discarded", ""),
        Answer::Said(204, "<b>markup", ""),
        Answer::Said(204, LONG, ""),
    ];
    let mut scene = Scene::eager(answers).await;
    let first = scene.publish(Message::new("hi"));
    scene.acked(&first).await;
    // A duplicate does not change the outcome of the message.
    let again = json!({"messageId": first});
    let path = "subscriptions/shop/billing/redeliver";
    assert_eq!(post(&scene.emulator, path, again).await.0, 200);
    scene.acked(&first).await;
    let attempts = attempts(&scene.emulator, &first).await;
    let outcomes: Vec<&Value> = attempts.iter().map(|each| &each["outcome"]).collect();
    assert_eq!(outcomes, ["failed", "handled", "duplicate"]);
    let body = &attempts[0]["answer"]["body"];
    assert_eq!(body["text"], "the hall is locked\n");
    assert_eq!(
        status_of(&scene.emulator, &first).await["outcome"],
        "handled"
    );
    for outcome in [json!("discarded"), Value::Null, Value::Null] {
        let id = scene.publish(Message::new("hi"));
        scene.acked(&id).await;
        let status = status_of(&scene.emulator, &id).await;
        assert_eq!(status["state"], "acked");
        assert_eq!(&status["outcome"], &outcome);
    }
}

#[tokio::test]
async fn a_letter_that_the_service_published_is_linked_both_ways() {
    let dead_lettered = Answer::Said(204, "dead-lettered", "");
    let duplicate = Answer::Said(204, "duplicate", "");
    let mut scene = Scene::eager([dead_lettered, duplicate]).await;
    let message = Message::new("bad").with_attribute("kind", "order");
    let id = scene.publish(message.clone());
    let letter = message
        .with_attribute("CloudPubSubDeadLetterSourceSubscription", "billing")
        .with_attribute("CloudPubSubDeadLetterSourceSubscriptionProject", "shop")
        .with_attribute("pushgate-dead-letter-reason", "payload")
        .with_attribute("pushgate-source-message-id", &id)
        .with_attribute("pushgate-source-publish-time", "2030-01-02T03:04:05Z");
    let letter = scene.emulator.publish(DEAD_TOPIC, letter).unwrap();
    scene.acked(&id).await;
    let again = json!({"messageId": id});
    post(
        &scene.emulator,
        "subscriptions/shop/billing/redeliver",
        again,
    )
    .await;
    scene.acked(&id).await;
    let status = status_of(&scene.emulator, &id).await;
    assert_eq!(status["state"], "dead-lettered");
    assert_eq!(status["deadLetter"], json!(letter));
    let found = get(&scene.emulator, "messages?state=dead-lettered").await;
    assert_eq!(found["messages"][0]["id"], json!(id));
    assert_eq!(found["total"], 1);

    let of = json!({"id": id, "isKnown": true, "lastReply": null});
    let life = get(&scene.emulator, &format!("messages/{letter}")).await;
    assert_eq!(&life["deadLetterOf"], &of);
    assert_eq!(life["isDeadLetter"], true);
}

/// Returns the scene and the id of a dead-lettered message.
async fn gave_up() -> (Scene, String) {
    let policy = |config: &mut SubscriptionConfig| {
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC))
    };
    let scene = Scene::start(Pace::Eager, statuses([500; 5]), policy).await;
    let message = Message::new("bad")
        .with_attribute("kind", "order")
        .with_ordering_key("customer")
        .with_attribute("pushgate-source-message-id", "1")
        .with_attribute("pushgate-source-publish-time", "2030-01-02T03:04:05Z");
    let id = scene.publish(message.with_attribute("pushgate-dead-letter-reason", "rejected"));
    (scene, id)
}

#[tokio::test]
async fn a_dead_letter_is_published_again_as_it_was() {
    let (mut scene, id) = gave_up().await;
    let there = |found: &Value| found["total"] == 1;
    let found = get_when(&mut scene, "dead-letters", there).await;
    let letter = &found["deadLetters"][0];
    assert_eq!(letter["source"], SUBSCRIPTION);
    assert_eq!(letter["sourceTopic"], TOPIC);
    assert_eq!(letter["attempts"], "5");
    assert_eq!(letter["reason"], "rejected");
    assert_eq!(letter["holder"], DEAD_SUBSCRIPTION);
    assert_eq!(letter["receivers"], json!([SUBSCRIPTION]));
    assert_eq!(letter["originalAttributes"], json!({"kind": "order"}));
    assert_eq!(found["routes"][0]["holders"], json!([DEAD_SUBSCRIPTION]));
    let life = get(&scene.emulator, &format!("messages/{id}")).await;
    assert_eq!(
        life["subscriptions"][0]["attempts"][4]["settlement"],
        json!({"kind": "dead-lettered", "topic": DEAD_TOPIC})
    );

    let replay = json!({"subscription": DEAD_SUBSCRIPTION, "messageId": letter["id"]});
    let (status, answer) = post(&scene.emulator, "dead-letters/replay", replay).await;
    assert_eq!(status, 200);
    assert_eq!(answer["topic"], TOPIC);
    let again = loop {
        let push = scene.endpoint.next().await;
        if push.id() == answer["messageId"] {
            break push;
        }
    };
    assert_eq!(again.body["message"]["data"], "YmFk");
    assert_eq!(
        again.body["message"]["attributes"],
        json!({"kind": "order"})
    );
    assert_eq!(again.body["message"]["orderingKey"], "customer");
    assert_eq!(scene.emulator.unacked_messages(DEAD_SUBSCRIPTION).len(), 1);

    let other = json!({"subscription": DEAD_SUBSCRIPTION, "messageId": id});
    assert_eq!(
        post(&scene.emulator, "dead-letters/replay", other).await.0,
        404
    );
}

#[tokio::test]
async fn a_dead_letter_leads_to_the_message_that_was_given_up() {
    let (mut scene, id) = gave_up().await;
    let there = |found: &Value| !found["deadLetters"][0]["deadLetterOf"].is_null();
    let found = get_when(&mut scene, "dead-letters", there).await;
    let letter = &found["deadLetters"][0];
    let expected = json!({"id": id, "isKnown": true, "lastReply": "500"});
    assert_eq!(letter["deadLetterOf"], expected);
    let path = format!("messages/{}", letter["id"].as_str().unwrap());
    assert_eq!(get(&scene.emulator, &path).await["deadLetterOf"], expected);
    let original = get(&scene.emulator, &format!("messages/{id}")).await;
    assert_eq!(original["deadLetterOf"], Value::Null);
    assert_eq!(
        original["subscriptions"][0]["status"]["deadLetter"],
        letter["id"]
    );
}

#[tokio::test]
async fn a_message_is_delivered_again_on_request() {
    let mut scene = Scene::eager([]).await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    scene.endpoint.next().await;
    let path = "subscriptions/shop/billing/redeliver";
    assert_eq!(
        post(&scene.emulator, path, json!({"messageId": id}))
            .await
            .0,
        200
    );
    assert_eq!(scene.endpoint.next().await.id(), id);
    assert_eq!(
        post(&scene.emulator, path, json!({"messageId": "1"}))
            .await
            .0,
        404
    );
    let found = get(&scene.emulator, "subscriptions/shop/billing").await;
    assert_eq!(
        found["notes"][0]["what"],
        format!("Message {id} asked for again")
    );
}

/// Returns the state of a message in its only subscription, and the replies.
async fn state_and_replies(emulator: &Emulator, id: &str) -> (Value, Vec<Value>) {
    let life = get(emulator, &format!("messages/{id}")).await;
    let entry = &life["subscriptions"][0];
    let attempts = entry["attempts"].as_array().unwrap().iter();
    let replies = attempts.map(|attempt| attempt["reply"].clone());
    (entry["status"]["state"].clone(), replies.collect())
}

#[tokio::test]
async fn the_life_of_a_pulled_message_shows_what_its_client_did() {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    let billing = orders.subscribe("billing").unwrap();
    let id = orders.publish(Message::new("hi")).unwrap();
    let pulled = billing.next().await.unwrap();
    assert_eq!(
        state_and_replies(&emulator, &id).await,
        (json!("delivering"), vec![Value::Null])
    );
    assert!(pulled.nack());
    assert_eq!(state_and_replies(&emulator, &id).await.0, "retrying");
    billing.next().await.unwrap();
    emulator.advance(Duration::from_secs(11));
    let pulled = billing.next().await.unwrap();
    assert!(pulled.ack());
    let replies = vec![
        json!("given back"),
        json!("no ack before the deadline"),
        json!("acked"),
    ];
    assert_eq!(
        state_and_replies(&emulator, &id).await,
        (json!("acked"), replies)
    );
    let life = get(&emulator, &format!("messages/{id}")).await;
    let second = &life["subscriptions"][0]["attempts"][1];
    assert!(
        second["latencyMs"].as_f64().unwrap() >= 10_000.0,
        "{second}"
    );
    assert_eq!(second["number"], 2);
    assert_eq!(second["way"], "pull");
}

#[tokio::test]
async fn a_purge_shows_on_every_message() {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    let billing = orders.subscribe("billing").unwrap();
    let id = orders.publish(Message::new("hi")).unwrap();
    let path = |verb: &str| format!("subscriptions/shop/billing/{verb}");
    assert_eq!(post(&emulator, &path("purge"), json!({})).await.0, 200);
    assert_eq!(state_and_replies(&emulator, &id).await.0, "purged");
    assert!(billing.unacked_messages().is_empty());
    let found = get(&emulator, "subscriptions/shop/billing").await;
    assert_eq!(found["notes"][0]["what"], "Purged");
}

#[tokio::test]
async fn a_seek_shows_on_every_message() {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    let _billing = orders.subscribe("billing").unwrap();
    let path = |verb: &str| format!("subscriptions/shop/billing/{verb}");
    let id = orders.publish(Message::new("hi")).unwrap();
    let now = emulator.now() + Duration::from_millis(1);
    emulator.advance(Duration::from_secs(1));
    let time = now
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    assert_eq!(
        post(&emulator, &path("seek"), json!({"time": time}))
            .await
            .0,
        200
    );
    assert_eq!(state_and_replies(&emulator, &id).await.0, "skipped");
    let found = get(&emulator, "subscriptions/shop/billing").await;
    let note = found["notes"][0]["what"].as_str().unwrap();
    assert!(note.starts_with("Sought to "), "{note}");
}

#[tokio::test]
async fn a_seek_to_a_snapshot_shows_on_messages() {
    let emulator = emulator(Pace::Eager);
    let orders = emulator.create_topic(TOPIC).unwrap();
    let billing = orders.subscribe("billing").unwrap();
    let rest = |method: Method, path: &str, body: Value| {
        let url = format!("{}/v1/projects/shop/{path}", emulator.url());
        let request = Client::new().request(method, url).json(&body);
        async move { assert_eq!(request.send().await.unwrap().status(), 200) }
    };
    let snapshot = json!({"subscription": SUBSCRIPTION});
    let forgotten = orders.publish(Message::new("hi")).unwrap();
    assert!(billing.next().await.unwrap().ack());
    let recalled = orders.publish(Message::new("hi")).unwrap();
    rest(Method::PUT, "snapshots/before", snapshot).await;
    assert!(billing.next().await.unwrap().ack());
    let seek = json!({"snapshot": "projects/shop/snapshots/before"});
    rest(Method::POST, "subscriptions/billing:seek", seek).await;
    assert_eq!(state_and_replies(&emulator, &recalled).await.0, "waiting");
    // Acked messages are not retained, so that no seek brings this one back.
    let seek = json!({"time": "2020-01-02T03:04:05Z"});
    rest(Method::POST, "subscriptions/billing:seek", seek).await;
    assert_eq!(state_and_replies(&emulator, &forgotten).await.0, "acked");
}

#[tokio::test]
async fn a_filtered_message_does_not_wait() {
    let emulator = emulator(Pace::Eager);
    emulator.create_topic(TOPIC).unwrap();
    let mut billing = SubscriptionConfig::new(SUBSCRIPTION, TOPIC);
    billing.filter = "attributes:kind".to_owned();
    emulator.create_subscription(billing).unwrap();
    emulator.publish(TOPIC, Message::new("hi")).unwrap();
    let id = emulator
        .publish(TOPIC, Message::new("hi").with_attribute("kind", "order"))
        .unwrap();
    let found = get(&emulator, "messages?state=waiting").await;
    assert_eq!(found["total"], 1);
    assert_eq!(found["messages"][0]["id"], json!(id));
}

#[tokio::test]
async fn faults_are_managed_in_the_console() {
    let mut scene = Scene::eager([]).await;
    let path = "subscriptions/shop/billing/faults";
    let faults = json!({"dropAnswer": 1.0, "seed": 7});
    assert_eq!(post(&scene.emulator, path, faults.clone()).await.0, 200);
    let found = get(&scene.emulator, "subscriptions/shop/billing").await;
    assert_eq!(found["subscription"]["faults"], faults);
    assert!(
        found["notes"][0]["what"]
            .as_str()
            .unwrap()
            .starts_with("Faults changed: ")
    );
    let id = scene.publish(Message::new("hi"));
    assert!(!scene.ended().await.is_acked());
    assert_eq!(post(&scene.emulator, path, json!({})).await.0, 200);
    scene.acked(&id).await;
    let found = get(&scene.emulator, "subscriptions/shop/billing").await;
    assert_eq!(found["subscription"]["faults"], Value::Null);
}

#[tokio::test]
async fn an_outage_that_is_over_is_not_shown() {
    let scene = Scene::eager([]).await;
    set_faults(&scene, json!({"outage": "4s"})).await;
    let path = "subscriptions/shop/billing";
    let found = get(&scene.emulator, path).await;
    let until = found["subscription"]["faults"]["outage"]["until"].as_str();
    assert!(until.is_some(), "{found}");
    scene.emulator.advance(Duration::from_secs(5));
    let found = get(&scene.emulator, path).await;
    assert_eq!(found["subscription"]["faults"], Value::Null);
}

#[tokio::test]
async fn an_impossible_action_is_refused() {
    let scene = Scene::eager([]).await;
    for (verb, body, status) in [
        ("faults", json!({"duplicate": 2}), 400),
        ("faults", json!({"surprise": 1}), 400),
        ("seek", json!({"time": "soon"}), 400),
        ("purge", json!({"surprise": 1}), 400),
    ] {
        let (found, _) = post(
            &scene.emulator,
            &format!("subscriptions/shop/billing/{verb}"),
            body,
        )
        .await;
        assert_eq!(found, status, "{verb}");
        let missing = format!("subscriptions/shop/missing/{verb}");
        let body = if verb == "seek" {
            json!({"time": "2030-01-02T03:04:05Z"})
        } else {
            json!({})
        };
        assert_eq!(post(&scene.emulator, &missing, body).await.0, 404, "{verb}");
    }
}

#[tokio::test]
async fn an_action_must_be_an_object_without_repeated_fields() {
    let scene = Scene::eager([]).await;
    let billing = "subscriptions/shop/billing";
    let array = "expected an object";
    for (path, body, words) in [
        (PUBLISH.to_owned(), r#"["hi"]"#, array),
        (
            PUBLISH.to_owned(),
            r#"{"data": "hi", "data": "ho"}"#,
            "duplicate field `data`",
        ),
        (
            PUBLISH.to_owned(),
            r#"{"data": "hi", "attributes": {"k": "1", "k": "2"}}"#,
            "\"k\" is given twice",
        ),
        (format!("{billing}/redeliver"), r#"["1"]"#, array),
        (
            format!("{billing}/seek"),
            r#"["2030-01-02T03:04:05Z"]"#,
            array,
        ),
        (format!("{billing}/purge"), "[]", array),
        (format!("{billing}/faults"), "[0.5]", array),
        (
            format!("{billing}/faults"),
            r#"{"burst": [2, "1s"]}"#,
            array,
        ),
        ("dead-letters/replay".to_owned(), r#"["a", "1"]"#, array),
    ] {
        let request = request(&scene.emulator, Method::POST, &format!("api/{path}"));
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path} {body}");
        let answer: Value = answer.json().await.unwrap();
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{path} {body}: {message}");
    }
}

#[tokio::test]
async fn statistics_count_what_went_through() {
    let mut scene = Scene::eager(statuses([500])).await;
    let id = scene.publish(Message::new("hi"));
    scene.acked(&id).await;
    let settled = |found: &Value| found["totals"]["acks"] == 1;
    for path in [
        "statistics".to_owned(),
        format!("statistics?subscription={SUBSCRIPTION}"),
    ] {
        let found = get_when(&mut scene, &path, settled).await;
        assert_eq!(
            found["totals"],
            json!({"published": 1, "deliveries": 2, "acks": 1, "nacks": 1})
        );
        let busy = found["busy"].as_array().unwrap();
        assert!(
            busy.iter().any(|second| second["p99Ms"].as_f64().is_some()),
            "{busy:?}"
        );
    }
    let other = get(
        &scene.emulator,
        &format!("statistics?subscription={DEAD_SUBSCRIPTION}"),
    )
    .await;
    assert_eq!(other["busy"], json!([]));
}

async fn live(emulator: &Emulator) -> Response {
    request(emulator, Method::GET, "api/live")
        .send()
        .await
        .unwrap()
}

/// Returns the next event, and keeps the bytes after it in `rest`.
async fn event(live: &mut Response, rest: &mut String) -> Value {
    loop {
        if let Some((event, after)) = rest.split_once("\n\n") {
            let (event, after) = (event.to_owned(), after.to_owned());
            *rest = after;
            if let Some(data) = event.strip_prefix("data: ") {
                return serde_json::from_str(data).unwrap();
            }
            continue;
        }
        let chunk = timeout(Duration::from_secs(60), live.chunk())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        rest.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

#[tokio::test]
async fn news_arrive_at_most_five_times_a_second() {
    let scene = Scene::eager([]).await;
    let (mut live, mut rest) = (live(&scene.emulator).await, String::new());
    event(&mut live, &mut rest).await;
    let begin = Instant::now();
    for _ in 0..3_000 {
        scene.publish(Message::new("hi"));
    }
    let (mut events, mut version) = (0, 0);
    loop {
        let news = event(&mut live, &mut rest).await;
        events += 1;
        assert!(news["version"].as_u64().unwrap() > version, "{news}");
        version = news["version"].as_u64().unwrap();
        if news["all"]["totals"]["acks"] == 3_000 {
            break;
        }
    }
    let most = begin.elapsed().as_millis() / 200 + 2;
    assert!(events <= most, "{events} events, at most {most}");
}

#[tokio::test]
async fn at_most_sixteen_pages_listen() {
    let scene = Scene::eager([]).await;
    let mut listening = Vec::new();
    for _ in 0..16 {
        let mut live = live(&scene.emulator).await;
        event(&mut live, &mut String::new()).await;
        listening.push(live);
    }
    assert_eq!(live(&scene.emulator).await.status(), 503);
}

#[tokio::test]
async fn a_listening_page_does_not_delay_the_end() {
    let scene = Scene::eager([]).await;
    let mut page = live(&scene.emulator).await;
    event(&mut page, &mut String::new()).await;
    let begin = Instant::now();
    scene.emulator.stop().await;
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    while let Ok(Some(_)) = page.chunk().await {}
}

#[tokio::test]
async fn an_attempt_that_is_under_way_has_no_end() {
    let mut scene = Scene::eager([Answer::Held]).await;
    let id = scene.publish(Message::new("hi"));
    scene.endpoint.next().await;
    let life = get(&scene.emulator, &format!("messages/{id}")).await;
    assert_eq!(life["subscriptions"][0]["status"]["state"], "delivering");
    assert_eq!(
        life["subscriptions"][0]["attempts"][0]["settlement"],
        Value::Null
    );
    scene.endpoint.release();
    scene.acked(&id).await;
}
