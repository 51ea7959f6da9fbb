//! Tests of the console in a browser.

use std::time::Duration;

use emulator::{
    DeadLetterPolicy, Faults, Forgery, ForgeryKind, Message, Outage, Pace, PushConfig,
    SubscriptionConfig,
};
use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::json;

use crate::harness::browser::{DARK, LIGHT, Look, NARROW, Page, browse};
use crate::harness::{
    Answer, DEAD_SUBSCRIPTION, DEAD_TOPIC, SUBSCRIPTION, Scene, TOPIC, emulator, statuses,
};

const HOSTILE: &str =
    "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>";

async fn fill(page: &Page, selector: &str, text: &str) {
    let element = page.client.find(Locator::Css(selector)).await.unwrap();
    element.clear().await.unwrap();
    element.send_keys(text).await.unwrap();
}

async fn click(page: &Page, text: &str) {
    let path = format!("//*[self::a or self::button or self::summary][contains(., '{text}')]");
    let found = page
        .client
        .wait()
        .for_element(Locator::XPath(&path))
        .await
        .unwrap();
    found.click().await.unwrap();
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_published_message_is_seen_live() {
    let scene = Scene::eager([Answer::Held]).await;
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.sees("Live").await;
        click(&page, "orders").await;
        page.open("#/topics/shop/orders").await;
        fill(&page, "#publish-data", "{\"order\": 7}").await;
        click(&page, "Add an attribute").await;
        page.press("kind").await;
        page.press(&char::from(Key::Tab).to_string()).await;
        page.press("order").await;
        click(&page, "Publish").await;
        page.sees("Published.").await;
        click(&page, "See what becomes of message").await;
        page.sees("under way").await;
        assert!(
            page.run("return document.body.innerText")
                .await
                .as_str()
                .unwrap()
                .contains("Delivering")
        );
        scene.endpoint.release();
        page.sees("✓ Acked").await;
        page.sees("\"order\": 7").await;
        click(&page, "Request and answer of attempt 1").await;
        page.sees("user-agent: CloudPubSub-Google").await;
        page.until("document.querySelector('#news').textContent !== ''")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_hostile_payload_is_text_everywhere() {
    let policy = |config: &mut emulator::SubscriptionConfig| {
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC))
    };
    let mut scene = Scene::start(Pace::Eager, statuses([500; 5]), policy).await;
    let hostile = Message::new(HOSTILE)
        .with_attribute(HOSTILE, HOSTILE)
        .with_ordering_key(HOSTILE);
    let id = scene.publish(hostile.with_attribute("pushgate-dead-letter-reason", HOSTILE));
    while scene.ended().await.dead_lettered_to().is_none() {}
    let letter = scene.emulator.unacked_messages(DEAD_SUBSCRIPTION)[0]
        .id
        .clone();
    browse(scene.emulator.url(), LIGHT, |page| async move {
        for view in [format!("#/messages/{id}"), format!("#/messages/{letter}"), "#/messages".to_owned(), "#/dead-letters".to_owned()] {
            page.open(&view).await;
            page.sees("<img src=x onerror=").await;
            let made = "return document.querySelectorAll('main img, main script').length + (document.title === 'taken' ? 100 : 0)";
            assert_eq!(page.run(made).await, 0, "{view}");
        }
        click(&page, "Replay").await;
        page.sees("Publish this message again?").await;
        assert_eq!(page.run("return document.querySelectorAll('dialog img, dialog script').length").await, 0);
        page.check_accessibility().await;
        click(&page, "Publish again").await;
        page.sees("Published again.").await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn five_thousand_messages_stay_usable() {
    let scene = Scene::eager([]).await;
    let mut last = String::new();
    for each in 0..5_000 {
        last = scene.publish(Message::new(format!("message {each}")));
    }
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open("#/messages").await;
        page.sees("Page 1 of 40").await;
        page.sees("2,000 messages, the latest first; 5,000 were published").await;
        let size = page.run("return [document.querySelectorAll('tbody tr').length, document.querySelectorAll('*').length]").await;
        assert_eq!(size[0], 50);
        assert!(size[1].as_u64().unwrap() < 2_000, "{size}");
        click(&page, "Older").await;
        page.sees("Page 2 of 40").await;
        page.sees("message 4949").await;
        fill(&page, "input[type=search]", &last).await;
        page.sees("1 message like this").await;
        page.sees("message 4999").await;
        let begin = page.run("return performance.now()").await.as_f64().unwrap();
        page.open("#/messages?page=40").await;
        page.sees("Page 40 of 40").await;
        let end = page.run("return performance.now()").await.as_f64().unwrap();
        assert!(end - begin < 3_000.0, "{} ms", end - begin);
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn everything_can_be_done_by_the_keyboard() {
    let scene = Scene::eager([]).await;
    browse(scene.emulator.url(), LIGHT, |page| async move {
        let enter = char::from(Key::Enter).to_string();
        page.sees("billing").await;
        page.press(&char::from(Key::Tab).to_string()).await;
        assert_eq!(page.run("return document.activeElement.id").await, "skip");
        page.press(&enter).await;
        assert_eq!(page.run("return document.activeElement.id").await, "main");
        page.tab_to("a[href='#/topics/shop/orders']").await;
        let outline = page
            .run("return getComputedStyle(document.activeElement).outlineStyle")
            .await;
        assert_eq!(outline, "solid", "the focus is seen");
        page.press(&enter).await;
        page.sees("Topic orders").await;
        page.press("p").await;
        assert_eq!(
            page.run("return document.activeElement.id").await,
            "publish-data"
        );
        page.tab_to("button.primary").await;
        page.press(&enter).await;
        page.sees("Published.").await;
        page.tab_to("[role=status] a").await;
        page.press(&enter).await;
        page.sees("✓ Acked").await;
        page.tab_to("summary").await;
        page.press(&enter).await;
        page.sees("user-agent: CloudPubSub-Google").await;
        page.press("g").await;
        page.press("m").await;
        page.until("document.querySelector('h1').textContent === 'Messages'")
            .await;
        page.press("?").await;
        page.until("document.querySelector('#shortcuts').open")
            .await;
        page.press(&char::from(Key::Escape).to_string()).await;
        page.until("!document.querySelector('#shortcuts').open")
            .await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn an_empty_emulator_says_what_to_do_next() {
    let emulator = emulator(Pace::Eager);
    browse(emulator.url(), LIGHT, |page| async move {
        page.sees(&format!(
            "curl -X PUT {}/v1/projects/shop/topics/orders",
            emulator.url()
        ))
        .await;
        page.check_accessibility().await;
        page.open("#/messages").await;
        page.sees("Nothing was published yet").await;
        page.open("#/dead-letters").await;
        page.sees("No subscription gives messages up").await;
        page.check_accessibility().await;
        page.open("#/elsewhere").await;
        page.sees("There is no such page").await;
        page.open("#/overview").await;
        page.open("#/topics/%E0%A4%A/x").await;
        page.client.refresh().await.unwrap();
        page.sees("There is no such page").await;
        page.open("#/topics/shop/missing").await;
        page.sees("Resource not found (resource=missing)").await;
        page.open("#/overview").await;
        emulator.create_topic(TOPIC).unwrap();
        page.sees("None: messages are lost").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn the_form_for_faults_sends_what_it_says() {
    let scene = Scene::eager([]).await;
    browse(scene.emulator.url(), LIGHT, |page| async move {
        // The page believes that the emulator has faults, seek and purge. The requests of the form are recorded.
        page.run(
            "const real = window.fetch;
             window.fetch = async (path, options) => {
               if (options?.method === 'POST') { window.sent = [path, JSON.parse(options.body)]; return new Response('{}'); }
               const answer = await (await real(path, options)).json();
               if (answer.capabilities) answer.capabilities = {redeliver: true, seek: true, purge: true, faults: true};
               return new Response(JSON.stringify(answer));
             };
             location.hash = '#/subscriptions/shop/billing';",
        )
        .await;
        click(&page, "Faults").await;
        for (name, value) in [("duplicate", "0.25"), ("delay", "1"), ("delayMin", "0.5"), ("token", "0.1"), ("burst", "10"), ("seed", "7")] {
            fill(&page, &format!("#faults [name={name}]"), value).await;
        }
        click(&page, "Apply these faults").await;
        page.sees("The faults are as set.").await;
        let expected = json!(["/console/api/subscriptions/shop/billing/faults", {
            "duplicate": 0.25, "delay": {"probability": 1, "min": "0.5s", "max": "5s"},
            "token": {"probability": 0.1, "forgery": "any"}, "burst": {"size": 10, "hold": "5s"}, "seed": 7,
        }]);
        assert_eq!(page.run("return window.sent").await, expected);
        page.check_accessibility().await;
        click(&page, "Purge all messages").await;
        page.sees("Purge this subscription?").await;
        let focus = page.run("return document.activeElement.textContent").await;
        assert_eq!(focus, "Cancel");
        click(&page, "Cancel").await;
        assert_eq!(page.run("return window.sent").await, expected, "nothing is purged without a yes");
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn the_form_for_faults_leaves_an_outage_as_it_was() {
    let scene = Scene::eager([]).await;
    let billing = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    let minute = Outage::For(Duration::from_secs(60));
    let faults = Faults::none().outage(minute).seed(7);
    billing.set_faults(faults).unwrap();
    let until = billing.faults().outage;
    assert!(matches!(until, Outage::Until(_)));
    browse(scene.emulator.url(), LIGHT, move |page| async move {
        page.open("#/subscriptions/shop/billing").await;
        page.sees("Faults on").await;
        click(&page, "Faults").await;
        fill(&page, "#faults [name=duplicate]", "0.1").await;
        click(&page, "Apply these faults").await;
        page.sees("The faults are as set.").await;
        let twice = Faults::none().duplicate(0.1).seed(7);
        assert_eq!(billing.faults(), twice.outage(until));

        scene.emulator.advance(Duration::from_secs(61));
        fill(&page, "#faults [name=duplicate]", "0.2").await;
        click(&page, "Apply these faults").await;
        page.sees("twice: 20 %").await;
        assert_eq!(billing.faults(), Faults::none().duplicate(0.2).seed(7));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn the_form_for_faults_hears_of_changes_until_it_is_touched() {
    let scene = Scene::eager([]).await;
    let billing = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    browse(scene.emulator.url(), LIGHT, move |page| async move {
        let shows = |name: &str, value: &str| {
            format!("document.querySelector('#faults [name={name}]')?.value === '{value}'")
        };
        page.open("#/subscriptions/shop/billing").await;
        page.until(&shows("reorder", "0")).await;
        billing.set_faults(Faults::none().reorder(0.5)).unwrap();
        page.until(&shows("reorder", "0.5")).await;
        click(&page, "Faults").await;
        fill(&page, "#faults [name=burst]", "3").await;
        billing.set_faults(Faults::none().reorder(0.75)).unwrap();
        page.sees("These faults were changed elsewhere.").await;
        page.until(&shows("burst", "3")).await;
        click(&page, "Show them").await;
        page.until(&shows("reorder", "0.75")).await;
        page.until(&shows("burst", "0")).await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_list_keeps_the_focus_while_it_changes() {
    let scene = Scene::eager([Answer::Held]).await;
    scene.publish(Message::new("first"));
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open("#/messages").await;
        page.sees("Delivering").await;
        page.run("document.querySelector('.statuses a').focus()")
            .await;
        scene.endpoint.release();
        page.sees("✓ Acked").await;
        let focus = page.run("return document.activeElement.textContent").await;
        assert_eq!(focus, "billing");

        page.press("l").await;
        page.sees("Go on").await;
        scene.publish(Message::new("second"));
        let news =
            "const done = arguments[0], live = new EventSource('/console/api/live'); let count = 0;
             live.onmessage = () => { if (++count === 3) { live.close(); done(); } };";
        page.client.execute_async(news, Vec::new()).await.unwrap();
        assert_eq!(
            page.run("return document.querySelectorAll('tbody tr').length")
                .await,
            1
        );
        page.check_accessibility().await;
        click(&page, "Go on").await;
        page.sees("second").await;
        page.sees("Live").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_dead_letter_shows_its_reason() {
    let policy = |config: &mut SubscriptionConfig| {
        let endpoint = config.push_config.take().unwrap().endpoint;
        config.push_config = Some(PushConfig::new(endpoint).signed_as("push@shop.example", None));
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    };
    let mut scene = Scene::start(Pace::Eager, statuses([401; 5]), policy).await;
    let forged = ForgeryKind::Forged(Forgery::WrongIssuer);
    let faults = Faults::none().token(1.0, forged);
    scene
        .emulator
        .subscription(SUBSCRIPTION)
        .unwrap()
        .set_faults(faults)
        .unwrap();
    scene.publish(Message::new("hi"));
    while scene.ended().await.dead_lettered_to().is_none() {}
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.sees("Failing: 401").await;
        page.sees("Faults on").await;
        page.open("#/dead-letters").await;
        page.sees("5 attempts; the last was answered 401").await;
        click(&page, "Its attempts").await;
        page.sees("Sent with a forged token: from another issuer.")
            .await;
        click(&page, "Request and answer of attempt 1").await;
        page.sees("https://another-issuer.example").await;
        page.check_accessibility().await;
        drop(scene);
    })
    .await;
}

/// Compact, with white space of its own, in lines, and no JSON at all.
const TEXTS: [&str; 9] = [
    r#"{"qty":1.0,"id":1,"id":2,"e":1E400,"10":"ten","2":"two"}"#,
    r#"{"a": [1.10, -0.0, 12345678901234567890123], "b":{}, "c" : [ ], "d":{ "e":"x  {,}\"\\" }}"#,
    r#"[[[]],{"a":[{}]},"\u0041\/",true,null]"#,
    "  [1 ,2]  ",
    "{\n  \"a\" : 1\n}",
    r#"{"a":1,}"#,
    "\"only text  here\"",
    "1.0",
    "no JSON {\"a\":1}",
];

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_payload_is_shown_to_the_letter() {
    let scene = Scene::eager([]).await;
    let first = scene.publish(Message::new(TEXTS[0]));
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open(&format!("#/messages/{first}")).await;
        page.sees("\"qty\": 1.0").await;
        let shown = page.run("return document.querySelector('#data').textContent");
        let lines = "{\n  \"qty\": 1.0,\n  \"id\": 1,\n  \"id\": 2,\n  \"e\": 1E400,\n  \"10\": \"ten\",\n  \"2\": \"two\"\n}";
        assert_eq!(shown.await, lines);
        for text in TEXTS {
            let script = format!(
                "const done = arguments[0];
                 import('/console/words.js').then(({{ readable }}) => done(readable({{ encoding: 'text', text: {}, isCut: false }})));",
                json!(text)
            );
            let shown = page.client.execute_async(&script, Vec::new()).await.unwrap();
            let shown = shown.as_str().unwrap();
            // Without some of the white space the published text remains.
            let mut rest = text.chars().peekable();
            let added: String = shown
                .chars()
                .filter(|each| rest.next_if_eq(each).is_none())
                .collect();
            assert_eq!(added.trim(), "", "{text}: {shown}");
            assert_eq!(rest.next(), None, "{text}: {shown}");
        }
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_decision_of_the_service_links_to_its_dead_letter() {
    let answers = [
        Answer::Said(503, "failed", "the hall is locked\n"),
        Answer::Said(204, "handled", ""),
        Answer::Said(204, "discarded", ""),
        Answer::Said(204, "dead-lettered", ""),
    ];
    let mut scene = Scene::eager(answers).await;
    let first = scene.publish(Message::new("one"));
    scene.acked(&first).await;
    for data in ["two", "three"] {
        let id = scene.publish(Message::new(data));
        scene.acked(&id).await;
        if data == "three" {
            let letter = Message::new(data)
                .with_attribute("CloudPubSubDeadLetterSourceSubscription", "billing")
                .with_attribute("CloudPubSubDeadLetterSourceSubscriptionProject", "shop")
                .with_attribute("pushgate-source-message-id", &id);
            scene.emulator.publish(DEAD_TOPIC, letter).unwrap();
        }
    }
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open("#/messages").await;
        page.sees("✓ Acked: handled").await;
        page.sees("✓ Acked: discarded").await;
        page.sees("✗ Dead-lettered by the service").await;
        page.check_accessibility().await;
        page.open("#/messages?state=dead-lettered").await;
        page.sees("1 message like this").await;
        click(&page, "its dead letter").await;
        page.sees("dead-lettered by its service").await;
        click(&page, "message ").await;
        page.sees("Its dead letter is message").await;
        page.sees("204: dead-lettered").await;
        page.open(&format!("#/messages/{first}")).await;
        page.sees("503: failed").await;
        page.sees("the hall is locked").await;
        page.check_accessibility().await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_seek_asks_for_confirmation() {
    let scene = Scene::eager([Answer::Held]).await;
    scene.publish(Message::new("waits"));
    let billing = scene.emulator.subscription(SUBSCRIPTION).unwrap();
    browse(scene.emulator.url(), LIGHT, move |page| async move {
        page.open("#/subscriptions/shop/billing").await;
        page.until("document.querySelector('input[type=datetime-local]')")
            .await;
        page.run("document.querySelector('input[type=datetime-local]').value = '2099-01-01T00:00'")
            .await;
        for (answer, held) in [("Cancel", 1), ("Seek", 0)] {
            page.run("document.querySelector('input[type=datetime-local]').form.querySelector('button').click()")
                .await;
            page.sees("Seek this subscription?").await;
            page.sees("published before 2099-01-01 00:00:00.000 count as acknowledged by")
                .await;
            let focus = page.run("return document.activeElement.textContent").await;
            assert_eq!(focus, "Cancel");
            page.check_accessibility().await;
            let press = format!("[...document.querySelectorAll('dialog button')].find((each) => each.textContent === '{answer}').click()");
            page.run(&press).await;
            page.until("!document.querySelector('dialog[open]')").await;
            if answer == "Seek" {
                page.sees("Done.").await;
            }
            assert_eq!(billing.unacked_messages().len(), held, "{answer}");
        }
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn what_is_not_there_is_not_offered_to_be_changed() {
    let emulator = emulator(Pace::Eager);
    browse(emulator.url(), LIGHT, |page| async move {
        let forms = "return document.querySelectorAll('main form, main button, main table').length";
        for (view, words) in [
            (
                "topics/shop/missing",
                "Resource not found (resource=missing)",
            ),
            (
                "subscriptions/shop/missing",
                "Resource not found (resource=missing)",
            ),
            ("messages/17", "The console does not know this message"),
        ] {
            page.open(&format!("#/{view}")).await;
            page.sees(words).await;
            assert_eq!(page.run(forms).await, 0, "{view}");
            page.check_accessibility().await;
        }
        page.open("#/topics/shop/missing").await;
        page.sees("Resource not found").await;
        emulator
            .create_topic("projects/shop/topics/missing")
            .unwrap();
        page.sees("Add an attribute").await;
        let url = format!("{}/v1/projects/shop/topics/missing", emulator.url());
        reqwest::Client::new().delete(url).send().await.unwrap();
        page.until("!document.querySelector('main form')").await;
    })
    .await;
}

/// Creates resources with the longest and strangest names that Google allows. Returns the long one and the id of a message.
async fn strange() -> (Scene, String, String) {
    let scene = Scene::eager([]).await;
    let emulator = &scene.emulator;
    let long = format!("t-{}", "y".repeat(200));
    let topic = format!("projects/shop/topics/{long}");
    let topic = emulator.create_topic(&topic).unwrap();
    topic.subscribe(&long).unwrap();
    let hi = Message::new("hi").with_attribute("k".repeat(256), "v".repeat(1_024));
    topic.publish(hi).unwrap();
    let plus = "projects/shop/topics/a+b%20c";
    let plus = emulator.create_topic(plus).unwrap();
    plus.publish(Message::new("plus")).unwrap();
    let faults = Faults::none().duplicate(0.125).reorder(0.125);
    let faults = faults.drop_answer(0.125).outage(Outage::On);
    let billing = emulator.subscription(SUBSCRIPTION).unwrap();
    billing.set_faults(faults).unwrap();
    let id = scene.publish(Message::new("hi"));
    (scene, long, id)
}

async fn check_long_names(look: Look) {
    let (scene, id, message) = strange().await;
    browse(scene.emulator.url(), look, move |page| async move {
        let narrow = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        for view in ["overview".to_owned(), "messages".to_owned(), "throughput".to_owned(),
            format!("topics/shop/{id}"), format!("subscriptions/shop/{id}"), "subscriptions/shop/billing".to_owned(), format!("messages/{message}")] {
            page.open(&format!("#/{view}")).await;
            page.until("document.querySelector('main table, main svg text, main ol.life')").await;
            page.check_accessibility().await;
            assert_eq!(page.run(&format!("return {narrow}")).await, true, "{view}");
        }
        page.open("#/overview").await;
        page.sees("Faults on").await;
        let seen = "return [...document.querySelectorAll('.condition .chip')].every((chip) => chip.getBoundingClientRect().right <= chip.closest('.scroll').getBoundingClientRect().right)";
        assert_eq!(page.run(seen).await, true, "the condition is in sight");
        page.open("#/throughput").await;
        page.until("document.querySelector('svg text')").await;
        let drawn = "const svg = document.querySelector('svg.plot'), path = svg.querySelector('path');
            return [svg.viewBox.baseVal.width - svg.clientWidth, getComputedStyle(path).strokeLinecap]";
        assert_eq!(page.run(drawn).await, json!([0, "round"]));
        page.open("#/topics/shop/a%2Bb%2520c").await;
        click(&page, "Its messages").await;
        page.sees("1 message like this").await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn unusual_names_break_nothing() {
    check_long_names(LIGHT).await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn unusual_names_break_nothing_in_a_narrow_window() {
    check_long_names(NARROW).await;
}

/// Creates a working subscription, a failing one that dead-letters, and a waiting one.
async fn shop() -> (Scene, String) {
    let mut scene = Scene::start(Pace::Google, statuses([503, 500]), |config| {
        let endpoint = config.push_config.take().unwrap().endpoint;
        config.push_config = Some(PushConfig::new(endpoint).signed_as("push@shop.example", None));
        config.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    })
    .await;
    let id = scene.publish(
        Message::new("{\"order\": 42, \"item\": \"teapot\"}").with_attribute("kind", "order"),
    );
    scene.acked(&id).await;
    for order in 43..60 {
        let id = scene.publish(Message::new(format!("{{\"order\": {order}}}")));
        scene.acked(&id).await;
    }
    let mut failing =
        emulator::SubscriptionConfig::new("projects/shop/subscriptions/warehouse", TOPIC)
            .push_to("http://127.0.0.1:9/");
    failing.dead_letter_policy = Some(DeadLetterPolicy::new(DEAD_TOPIC));
    scene.emulator.create_subscription(failing).unwrap();
    scene
        .emulator
        .create_topic("projects/shop/topics/refunds")
        .unwrap();
    for order in 60..66 {
        scene.publish(Message::new(format!("{{\"order\": {order}}}")));
        scene.ended().await;
    }
    publish_letter(&scene, &id);
    (scene, id)
}

/// Publishes a dead letter of the message `of` as a service does, because of a missing field.
fn publish_letter(scene: &Scene, of: &str) {
    let letter = Message::new(
        "{\"order\": 66, \"item\": \"a teapot with a lid\", \"customer\": \"ada@example.com\"}",
    )
    .with_attribute(
        "CloudPubSubDeadLetterSourceSubscription",
        "orders-fulfilment-warehouse",
    )
    .with_attribute("CloudPubSubDeadLetterSourceSubscriptionProject", "shop")
    .with_attribute(
        "CloudPubSubDeadLetterSourceTopicPublishTime",
        "2030-01-02T03:04:05.678Z",
    )
    .with_attribute("pushgate-dead-letter-reason", "payload")
    .with_attribute(
        "pushgate-dead-letter-error",
        "payload does not fit: the document (line 1, column 15): missing field `customerEmail`",
    )
    .with_attribute("pushgate-source-message-id", of);
    scene.emulator.publish(DEAD_TOPIC, letter).unwrap();
    let source = SubscriptionConfig::new(
        "projects/shop/subscriptions/orders-fulfilment-warehouse",
        TOPIC,
    );
    scene.emulator.create_subscription(source).unwrap();
}

/// Checks that no table is wider than its place, so that every button is visible.
async fn check_nothing_is_out_of_sight(page: &Page) {
    let wide = "return [...document.querySelectorAll('main .scroll')]
        .filter((each) => each.scrollWidth > each.clientWidth + 1)
        .map((each) => `${each.getAttribute('aria-label')}: ${each.scrollWidth} of ${each.clientWidth}`)";
    let place = page.client.current_url().await.unwrap();
    assert_eq!(page.run(wide).await, json!([]), "{place}");
}

async fn check_all_views(look: Look) {
    let (scene, id) = shop().await;
    browse(scene.emulator.url(), look, move |page| async move {
        let dark = page
            .run("return matchMedia('(prefers-color-scheme: dark)').matches")
            .await;
        assert_eq!(dark, look.is_dark);
        let ground = page
            .run("return getComputedStyle(document.body).backgroundColor")
            .await;
        assert_eq!(ground == "rgb(18, 22, 29)", look.is_dark, "{ground}");
        page.sees("Failing").await;
        page.check_accessibility().await;
        page.picture(&format!("overview-{}-{}", look.is_dark, look.width))
            .await;
        check_nothing_is_out_of_sight(&page).await;
        for (view, text) in [
            ("#/topics/shop/orders".to_owned(), "warehouse"),
            ("#/subscriptions/shop/billing".to_owned(), "Signed as"),
            ("#/messages".to_owned(), "Acked"),
            ("#/dead-letters".to_owned(), "Replay…"),
            ("#/throughput".to_owned(), "Highest in these 5 minutes"),
            (format!("#/messages/{id}"), "delivered again not before"),
        ] {
            page.open(&view).await;
            page.sees(text).await;
            page.check_accessibility().await;
            check_nothing_is_out_of_sight(&page).await;
            let name = view.trim_start_matches("#/").replace(&id, "one");
            let name = name.replace('/', "-");
            page.picture(&format!("{name}-{}-{}", look.is_dark, look.width))
                .await;
        }
        click(&page, "Request and answer of attempt 1").await;
        page.sees("Bearer <token, ").await;
        page.check_accessibility().await;
        page.picture(&format!("message-{}-{}", look.is_dark, look.width))
            .await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn every_view_can_be_read_in_light() {
    check_all_views(LIGHT).await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn every_view_can_be_read_in_the_dark() {
    check_all_views(DARK).await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn every_view_fits_a_narrow_window() {
    check_all_views(NARROW).await;
}
