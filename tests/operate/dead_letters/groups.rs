//! Groups of dead letters, and files of them.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::{ID, dead_letters, forwarded, prepared, replay_all, run, run_with, service};
use crate::harness::probe::task;
use crate::harness::process::Ended;
use crate::harness::soon;

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_listed_shown_and_discarded() {
    let service = service().await;
    let first = forwarded(&service, "1");
    forwarded(&service, "2");
    let dead = crate::harness::message::TestMessage::new(ID, task::DEAD_LETTER);
    service.push(&dead).await;
    let listed = run(&service, &["list", "--json"]).await;
    let lines = listed.stdout.lines();
    let groups: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [attempts, handler] = &groups[..] else {
        panic!("{}", listed.stdout)
    };
    let [attempts, handler] = match attempts["count"] == 2 {
        true => [attempts, handler],
        false => [handler, attempts],
    };
    assert_eq!(attempts["reason"], "attempts used up");
    assert_eq!(handler["reason"], "handler");
    assert_eq!(handler["error"], "it never works");
    let shown = run(&service, &["show", ID, "--id", &first]).await;
    assert!(shown.stdout.contains("attribute      event = e-1"));
    assert!(shown.stdout.ends_with("\n1\n\n"), "{}", shown.stdout);
    let group = attempts["group"].as_str().expect("a group");
    let arguments = [
        "discard", ID, "--group", group, "--reason", "a test", "--yes",
    ];
    let discarded = run(&service, &arguments).await;
    assert_eq!(discarded.code, Some(0), "{}", discarded.stderr);
    assert_eq!(discarded.stdout.matches("a test").count(), 2);
    assert_eq!(dead_letters(&service).len(), 1);
    let none = run(&service, &["show", ID, "--group", group]).await;
    assert_eq!(none.code, Some(1));
    assert!(
        none.stderr
            .contains("no available dead letter of orders-fulfilment is in this group")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_dead_letter_is_imported_and_runs_once() {
    let service = service().await;
    let id = forwarded(&service, "{\"n\": 1.0}");
    let exported = run(&service, &["export", ID]).await;
    assert_eq!(dead_letters(&service).len(), 1, "it is kept");
    for _ in 0..2 {
        let imported = run_with(&service, &["import", ID, "-"], &exported.stdout).await;
        assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    }
    assert_eq!(dead_letters(&service).len(), 3);
    let replayed = replay_all(&service).await;
    assert_eq!(replayed.code, Some(1));
    assert_eq!(replayed.stdout.lines().count(), 3);
    assert_eq!(service.runs(), 1, "the three are one message");
    assert_eq!(
        service.probe.data(&service.probe.order()[0]),
        b"{\"n\": 1.0}"
    );
    assert!(replayed.stdout.contains(&id));
    assert!(replayed.stdout.contains("a replay of it has run already"));
    assert_eq!(dead_letters(&service).len(), 2, "those that did not run");

    let arguments = ["discard", ID, "--all", "--reason", "a test", "--yes"];
    assert_eq!(run(&service, &arguments).await.code, Some(0));
    let arguments = ["import", ID, "-", "--again"];
    let imported = run_with(&service, &arguments, &exported.stdout).await;
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    assert_eq!(replay_all(&service).await.code, Some(0));
    assert_eq!(service.runs(), 2);
    let twice = format!("{0}{0}", exported.stdout);
    let refused = run_with(&service, &["import", ID, "-"], &twice).await;
    assert!(refused.stderr.contains("line 2 of - repeats the id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_publishes_each_line_as_it_is_read() {
    let service = service().await;
    let exported = |id: &str| {
        let line =
            json!({"id": id, "publishTime": "2026-12-01T00:00:00Z", "attributes": {}, "text": "1"});
        format!("{line}\n")
    };
    let mut command = prepared(&service, &["import", ID, "-"]);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let first = exported("1");
    stdin.write_all(first.as_bytes()).await.expect("it reads");
    soon("the first one", async {
        while dead_letters(&service).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let rest = format!("{}no dead letter\n{}", exported("2"), exported("3"));
    stdin.write_all(rest.as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = soon("the end", child.wait_with_output()).await;
    let ended = Ended::of(output.expect("the command ends"));
    assert_eq!(ended.code, Some(1));
    let expected = "line 3 of - is not an exported dead letter";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    assert!(ended.stderr.contains("2 imported"), "{}", ended.stderr);
    assert_eq!(dead_letters(&service).len(), 2);
}
