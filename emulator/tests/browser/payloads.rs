//! Payloads that are shown as text.

use emulator::{DeadLetterPolicy, Message, Pace};
use fantoccini::key::Key;
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
        click(&page, "Replay…").await;
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

/// Returns the text of a payload as the page shows it, without its counts and folded parts.
fn shown(text: &str) -> String {
    format!(
        "const done = arguments[0];
         import('/console/payload.js').then(({{ payload }}) => {{
           const made = payload('Data', {{ encoding: 'text', text: {}, isCut: false }}).querySelector('.payload-content');
           for (const each of made.querySelectorAll('.count, .folded')) each.remove();
           done(made.textContent);
         }});",
        json!(text)
    )
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_payload_is_shown_to_the_letter() {
    let scene = Scene::eager([]).await;
    let first = scene.publish(Message::new(TEXTS[0]));
    browse(scene.emulator.url(), LIGHT, |page| async move {
        for text in TEXTS {
            let shown = page.client.execute_async(&shown(text), Vec::new()).await;
            let shown = shown.unwrap();
            let shown = shown.as_str().unwrap();
            // White space outside of strings is the page's own.
            let spaces: &[char] = &[' ', '\n'];
            assert_eq!(
                shown.replace(spaces, ""),
                text.replace(spaces, ""),
                "{shown}"
            );
        }
        page.open(&format!("#/messages/{first}")).await;
        page.sees("\"e\": 1E400").await;
        let lines =
            "return [...document.querySelectorAll('.json .line')].map((line) => line.textContent)";
        let expected = json!([
            "\"qty\": 1.0,",
            "\"id\": 1,",
            "\"id\": 2,",
            "\"e\": 1E400,",
            "\"10\": \"ten\",",
            "\"2\": \"two\"",
            "}"
        ]);
        assert_eq!(page.run(lines).await, expected);
        click(&page, "Raw").await;
        let raw = page.run("return document.querySelector('pre.raw').textContent");
        assert_eq!(raw.await, TEXTS[0]);
        page.check_accessibility().await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_large_payload_is_unfolded_in_parts() {
    let scene = Scene::eager([]).await;
    let numbers: Vec<u32> = (0..1_500).collect();
    let data = json!({"numbers": numbers, "deep": {"er": [[], {}, {"x": 1}]}}).to_string();
    let id = scene.publish(Message::new(data));
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open(&format!("#/messages/{id}")).await;
        page.sees("1,500 items").await;
        let count = "return document.querySelectorAll('.json .literal').length";
        assert_eq!(page.run(count).await, 101);
        click(&page, "Show 100 more of 1,400").await;
        page.sees("Show 100 more of 1,300").await;
        assert_eq!(page.run(count).await, 201);
        click(&page, "\"numbers\"").await;
        page.until("!document.body.innerText.includes('Show 100 more')")
            .await;
        page.sees("\"x\": 1").await;
        drop(scene);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn a_payload_is_copied_as_it_was_published() {
    let scene = Scene::eager([]).await;
    let id = scene.publish(Message::new(TEXTS[0]));
    browse(scene.emulator.url(), LIGHT, |page| async move {
        page.open(&format!("#/messages/{id}")).await;
        page.sees("\"e\": 1E400").await;
        page.run("document.querySelector('.payload button.copy').focus()")
            .await;
        page.press(&char::from(Key::Enter).to_string()).await;
        page.until("document.querySelector('.payload button.copy').textContent === 'Copied'")
            .await;
        page.open("#/messages").await;
        page.until("document.querySelector('input[type=search]')")
            .await;
        page.run("document.querySelector('input[type=search]').focus()")
            .await;
        page.press(&format!("{}v", char::from(Key::Control))).await;
        page.sees("1 message like this").await;
        let pasted = page.run("return document.querySelector('input[type=search]').value");
        assert_eq!(pasted.await, TEXTS[0]);
        drop(scene);
    })
    .await;
}
