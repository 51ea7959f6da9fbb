//! The lines of a file or of the standard input.

use std::collections::HashMap;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::{Scene, order, orders};
use crate::harness::process::{command, ended};
use crate::harness::rpc_proxy::{RpcFault, RpcProxy};
use crate::harness::soon;

/// gRPC's status code (gRPC, *Status codes*).
const INVALID_ARGUMENT: u8 = 3;

#[tokio::test]
async fn each_line_of_a_file_is_a_message() {
    let scene = Scene::start().await;
    let file = scene.write("orders.jsonl", orders(300) + "\n");
    let arguments = [
        "--file",
        &file,
        "--output=json",
        "--ordering-key-from=/customerEmail",
    ];
    let ended = scene.publish(&arguments).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.starts_with("300 published in "),
        "{}",
        ended.stderr
    );
    let held = scene.held();
    let expected: Vec<String> = (1..=300)
        .map(|number| order(&format!("A-{number}")))
        .collect();
    let found: Vec<&[u8]> = held.iter().map(|message| &*message.data).collect();
    assert_eq!(
        found,
        expected.iter().map(String::as_bytes).collect::<Vec<_>>(),
        "one key, in order"
    );
    let printed: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(printed.len(), 300);
    let by_line: HashMap<u64, &Value> = printed
        .iter()
        .map(|printed| (printed["line"].as_u64().expect("a line"), printed))
        .collect();
    for (line, message) in (1..).zip(&held) {
        assert_eq!(by_line[&line]["messageId"], message.id);
        assert_eq!(by_line[&line]["eventId"], message.attributes["event-id"]);
    }
}

#[tokio::test]
async fn each_line_of_the_standard_input_is_a_message() {
    let scene = Scene::start().await;
    let mut command = scene.command(&["-", "--messages"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pushgate starts");
    let line = format!(
        r#"{{"data":{},"orderingKey":"k","attributes":{{"a":"b"}},"eventId":"e"}}"#,
        order("B-1")
    );
    let mut stdin = child.stdin.take().expect("stdin");
    stdin.write_all(line.as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = soon("the end", child.wait_with_output())
        .await
        .expect("the end");
    assert!(output.status.success());
    let last = scene.held().pop().expect("a message");
    assert_eq!(last.ordering_key, "k");
    assert_eq!(last.data, order("B-1"));
    assert_eq!(&*last.attributes["a"], "b");
    assert_eq!(&*last.attributes["event-id"], "e");
}

#[tokio::test]
async fn publishing_stops_at_the_first_line_that_does_not_fit() {
    let scene = Scene::start().await;
    let ended = scene.publish(&["--file", &scene.three_orders()]).await;
    assert_eq!(ended.code, Some(1));
    let place = "line 2: subscriber \"orders-fulfilment\": `lines[0].priceCents` (column 101): expected u32";
    assert!(ended.stderr.contains(place), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("stopped at the first line that was not published"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
    assert_eq!(scene.held().len(), 1);
}

#[tokio::test]
async fn with_keep_going_all_lines_that_fit_are_published() {
    let scene = Scene::start().await;
    let file = scene.three_orders();
    let ended = scene.publish(&["--file", &file, "--keep-going"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("2 published, 1 failed"),
        "{}",
        ended.stderr
    );
    assert_eq!(scene.held().len(), 2);
}

#[tokio::test]
async fn a_dry_run_needs_neither_project_nor_server() {
    let scene = Scene::start().await;
    let file = scene.write("orders.jsonl", orders(20));
    let mut dry = command(&["publish", "orders", "--dry-run", "--file", &file]);
    dry.env("GCE_METADATA_HOST", "127.0.0.1:1");
    let dry = ended(dry).await;
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(dry.stderr.starts_with("20 fit in "), "{}", dry.stderr);
    let ended = ended(command(&["publish", "orders", "--dry-run", "--json", "{}"])).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("missing field `orderId`"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_file_ends_after_a_thousand_failed_lines() {
    let scene = Scene::start().await;
    let file = scene.write("orders.jsonl", "hush\n".repeat(1_200) + &orders(1));
    let ended = scene.publish(&["--file", &file, "--keep-going"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .contains("line 1000: the document (column 1): not valid JSON")
    );
    assert!(
        ended.stderr.contains("too many lines failed"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("0 published, 1000 failed in"),
        "{}",
        ended.stderr
    );
    assert!(scene.held().is_empty());
}

#[tokio::test]
async fn an_ordering_key_ends_at_its_first_failure() {
    for keeps_going in [false, true] {
        let scene = Scene::start().await;
        let proxy = RpcProxy::before(&scene.emulator.address().to_string()).await;
        proxy.fail("Publish", RpcFault::Refused(INVALID_ARGUMENT), 1);
        let file = scene.write("orders.jsonl", orders(3_000));
        let mut command = scene.command(&["--file", &file, "--ordering-key", "k"]);
        command.args(["--in-flight", "10000"]);
        command.env("PUBSUB_EMULATOR_HOST", &proxy.host);
        if keeps_going {
            command.arg("--keep-going");
        }
        let ended = ended(command).await;
        assert_eq!(ended.code, Some(1));
        let held = scene.held().len();
        assert_eq!(held > 0, keeps_going, "{held}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_closed_output_stops_no_message() {
    let scene = Scene::start().await;
    let file = scene.write("orders.jsonl", orders(50));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = scene.command(&["--file", &file, "--output", "json"]);
    command
        .stdout(writer.try_clone().expect("a pipe"))
        .stderr(writer);
    let status = soon("the end", command.status()).await.expect("it runs");
    assert_eq!(status.code(), Some(0));
    assert_eq!(scene.held().len(), 50);
}
