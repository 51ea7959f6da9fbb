//! Runs that continue after a kill, a stop or a correction.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::{Scene, order, orders};
use crate::harness::process::Process;

#[tokio::test]
async fn after_a_kill_no_confirmed_line_is_published_again() {
    const LINES: usize = 400;
    let scene = Scene::start().await;
    let file = scene.write("orders.jsonl", orders(LINES));
    let checkpoint = scene.path("checkpoint");
    let arguments = ["--file", &file, "--resume", &checkpoint, "--output=json"];
    // The confirmed events of each run, with the number of their messages by then: an earlier run may have had some in flight.
    let mut confirmed: HashMap<String, usize> = HashMap::new();
    for kill in 1..=3 {
        let mut command = scene.command(&arguments);
        command.args(["--rate", "100"]);
        let mut process = Process::start(command);
        // In the middle, with messages in flight.
        process.lines_are(20 * kill).await;
        process.signal("-KILL").await;
        process.exit().await;
        let events = scene.events();
        for line in process.finished().await {
            let Ok(printed) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            let event = printed["eventId"].as_str().expect("an event");
            confirmed.insert(event.to_owned(), events[event]);
        }
    }
    let ended = scene.publish(&arguments).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("published before"),
        "{}",
        ended.stderr
    );
    let events = scene.events();
    assert_eq!(
        events.len(),
        LINES,
        "each line is one event, whatever happened"
    );
    for (event, published) in &confirmed {
        assert_eq!(events[event], *published, "not published again");
    }
    assert!(confirmed.len() >= 20 + 40 + 60 && confirmed.len() < LINES);
    let data: std::collections::HashSet<_> = scene
        .held()
        .into_iter()
        .map(|message| message.data)
        .collect();
    assert_eq!(data.len(), LINES);

    let again = scene.publish(&arguments).await;
    assert_eq!(again.code, Some(0));
    assert_eq!(again.stdout, "");
    assert!(
        again
            .stderr
            .starts_with("0 published, 400 published before in"),
        "{}",
        again.stderr
    );
}

#[tokio::test]
async fn a_corrected_line_is_published_by_the_resumed_run() {
    let scene = Scene::start().await;
    let bad = format!("{}\nhush\n{}\n", order("A-1"), order("A-3"));
    let file = scene.write("orders.jsonl", bad);
    let checkpoint = scene.path("checkpoint");
    let arguments = ["--file", &file, "--resume", &checkpoint, "--keep-going"];
    assert_eq!(scene.publish(&arguments).await.code, Some(1));
    scene.write("orders.jsonl", orders(3));
    let ended = scene.publish(&arguments).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.starts_with("1 published, 2 published before"),
        "{}",
        ended.stderr
    );
    assert_eq!(scene.events().len(), 3);
    assert_eq!(scene.held().len(), 3);
}

#[tokio::test]
async fn a_checkpoint_of_another_run_is_rejected() {
    let scene = Scene::start().await;
    let file = scene.write("orders.jsonl", orders(3));
    let checkpoint = scene.path("checkpoint");
    let arguments = ["--file", &file, "--resume", &checkpoint];
    assert_eq!(scene.publish(&arguments).await.code, Some(0));
    let refused = async |more: &[&str], expected: &str| {
        let mut all = arguments.to_vec();
        all.extend(more);
        let ended = scene.publish(&all).await;
        assert_eq!(ended.code, Some(1), "{expected}");
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    };
    refused(&["--project=mall"], "is the checkpoint of projects/test-project/topics/orders, not of projects/mall/topics/orders").await;
    scene.write("orders.jsonl", orders(3).replace("A-2", "B-2"));
    refused(&[], "has changed in lines").await;
    scene.write("orders.jsonl", orders(3));
    let locked = std::fs::File::open(&checkpoint).expect("the checkpoint");
    locked.lock().expect("a lock");
    refused(&[], "another run is publishing with it").await;
    drop(locked);
    scene.write("checkpoint", "hush");
    refused(&[], "is no checkpoint of pushgate publish").await;
    std::fs::remove_file(&checkpoint).expect("removed");
    std::fs::create_dir(Path::new(&checkpoint)).expect("a folder");
    refused(&[], "cannot read").await;
    assert_eq!(scene.held().len(), 3, "nothing was published meanwhile");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_again_ends_the_command() {
    let scene = Scene::start().await;
    let checkpoint = scene.path("checkpoint");
    // The memory of a process can be opened, but not read at its beginning.
    let ended = scene
        .publish(&["--file", "/proc/self/mem", "--resume", &checkpoint])
        .await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("cannot read /proc/self/mem"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_stopped_run_records_the_messages_in_flight() {
    let scene = Scene::start().await;
    let file = scene.write("orders.jsonl", orders(200));
    let checkpoint = scene.path("checkpoint");
    let arguments = ["--file", &file, "--resume", &checkpoint];
    let mut command = scene.command(&arguments);
    command.args(["--rate", "50", "--output=json"]);
    let mut process = Process::start(command);
    process.lines_are(5).await;
    process.signal("-TERM").await;
    assert_eq!(process.exit().await.code(), Some(1));
    process.line("stopped before the end of the file").await;
    let ended = scene.publish(&arguments).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(scene.held().len(), 200, "none twice");
}
