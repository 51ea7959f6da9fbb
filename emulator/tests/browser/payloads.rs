//! Payloads that are shown as text.

use emulator::{DeadLetterPolicy, Message, Pace};
use serde_json::json;

use super::click;
use crate::harness::browser::{LIGHT, browse};
use crate::harness::{DEAD_SUBSCRIPTION, DEAD_TOPIC, Scene, statuses};

const HOSTILE: &str =
    "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>";

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
