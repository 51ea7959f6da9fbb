//! `pushgate publish`: messages, refusals, output, resumption after a kill.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use emulator::{Emulator, ReceivedMessage, SubscriptionHandle};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::harness::process::{Process, command};
use crate::harness::rpc_proxy::{RpcFault, RpcProxy};
use crate::harness::{PROJECT, soon};

/// gRPC's status code (gRPC, *Status codes*).
const INVALID_ARGUMENT: u8 = 3;

struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Said {
    fn printed(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

/// The topic `orders` with a subscription, and a folder for files.
struct Scene {
    emulator: Emulator,
    subscription: SubscriptionHandle,
    folder: PathBuf,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Scene {
    async fn start() -> Self {
        let emulator = Emulator::start().await.expect("an emulator");
        let topic = emulator
            .create_topic(&format!("projects/{PROJECT}/topics/orders"))
            .expect("a topic");
        let subscription = topic.subscribe("watch").expect("a subscription");
        let folder = std::env::temp_dir().join(format!("pushgate-publish-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder");
        Self {
            emulator,
            subscription,
            folder,
        }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A file of three orders, the second of which does not fit.
    fn three_orders(&self) -> String {
        let lines = [order("A-1"), misfit(), order("A-3")];
        self.write("orders.jsonl", lines.join("\n"))
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().expect("text").to_owned()
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = command(&["publish", "orders"]);
        command
            .args(arguments)
            .env("GOOGLE_CLOUD_PROJECT", PROJECT)
            .env("PUBSUB_EMULATOR_HOST", self.emulator.address().to_string());
        command
    }

    async fn publish(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments)).await
    }

    fn held(&self) -> Vec<ReceivedMessage> {
        self.subscription.unacked_messages()
    }

    /// The number of messages of each event.
    fn events(&self) -> HashMap<String, usize> {
        let mut events = HashMap::new();
        for message in self.held() {
            *events
                .entry(message.attributes["event-id"].clone())
                .or_default() += 1;
        }
        events
    }
}

async fn said(mut command: tokio::process::Command) -> Said {
    let output = soon("the end", command.output())
        .await
        .expect("pushgate runs");
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

fn order(id: &str) -> String {
    format!(
        r#"{{"orderId":"{id}","customerEmail":"ada@example.com","lines":[{{"article":"teapot","quantity":1,"priceCents":1999}}]}}"#
    )
}

/// An order that no subscriber can read.
fn misfit() -> String {
    order("A-2")
        .replace("1999", "\"hush\"")
        .replace("ada@example.com", "hush")
}

fn orders(count: usize) -> String {
    (1..=count)
        .map(|number| order(&format!("A-{number}")) + "\n")
        .collect()
}

#[tokio::test]
async fn one_message_is_published_with_all_its_options() {
    let scene = Scene::start().await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let said = scene
        .publish(&[
            "--json",
            &order("A-1"),
            "--attribute=source=shop=web",
            "--ordering-key=ada",
            "--event-id=event-1",
            "--traceparent",
            traceparent,
        ])
        .await;
    assert_eq!(said.code, Some(0));
    assert_eq!(said.stderr, "");
    let held = scene.held();
    assert_eq!(said.stdout, format!("{}\n", held[0].id));
    assert_eq!(held[0].data, order("A-1"));
    assert_eq!(held[0].ordering_key, "ada");
    let expected = [
        ("event-id", "event-1"),
        ("googclient_traceparent", traceparent),
        ("source", "shop=web"),
        ("traceparent", traceparent),
    ];
    let found = held[0].attributes.iter();
    let found: Vec<(&str, &str)> = found.map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn each_line_of_a_file_or_of_the_standard_input_is_a_message() {
    let scene = Scene::start().await;
    let file = scene.write("orders.jsonl", orders(300) + "\n");
    let arguments = [
        "--file",
        &file,
        "--output=json",
        "--ordering-key-from=/customerEmail",
    ];
    let said = scene.publish(&arguments).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(
        said.stderr.starts_with("300 published in "),
        "{}",
        said.stderr
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
    let printed = said.printed();
    assert_eq!(printed.len(), 300);
    let by_line: HashMap<u64, &Value> = printed
        .iter()
        .map(|printed| (printed["line"].as_u64().expect("a line"), printed))
        .collect();
    for (line, message) in (1..).zip(&held) {
        assert_eq!(by_line[&line]["messageId"], message.id);
        assert_eq!(by_line[&line]["eventId"], message.attributes["event-id"]);
    }

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
    let said = scene.publish(&["--file", &scene.three_orders()]).await;
    assert_eq!(said.code, Some(1));
    let place = "line 2: subscriber \"orders-fulfilment\": `lines[0].priceCents` (column 101): expected u32";
    assert!(said.stderr.contains(place), "{}", said.stderr);
    assert!(
        said.stderr
            .contains("stopped at the first line that was not published"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("hush"), "{}", said.stderr);
    assert_eq!(scene.held().len(), 1);
}

#[tokio::test]
async fn with_keep_going_all_lines_that_fit_are_published() {
    let scene = Scene::start().await;
    let file = scene.three_orders();
    let said = scene.publish(&["--file", &file, "--keep-going"]).await;
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("2 published, 1 failed"),
        "{}",
        said.stderr
    );
    assert_eq!(scene.held().len(), 2);
}

#[tokio::test]
async fn a_message_that_does_not_fit_is_not_published() {
    let scene = Scene::start().await;
    let said = scene.publish(&["--json", &misfit()]).await;
    assert_eq!(said.code, Some(1));
    assert_eq!(said.stdout, "");
    assert!(
        said.stderr
            .starts_with("subscriber \"orders-fulfilment\": `lines[0].priceCents`"),
        "{}",
        said.stderr
    );
    assert!(scene.held().is_empty());
}

#[tokio::test]
async fn with_unchecked_any_data_are_published() {
    let scene = Scene::start().await;
    let said = scene.publish(&["--json", "hush", "--unchecked"]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(scene.held().pop().expect("a message").data, "hush");
}

#[tokio::test]
async fn a_topic_that_no_subscriber_reads_is_refused() {
    let scene = Scene::start().await;
    let publish = |more: &[&str]| {
        let mut command = command(&["publish", "projects/mall/topics/returns", "--json", "{}"]);
        command
            .args(more)
            .env("PUBSUB_EMULATOR_HOST", scene.emulator.address().to_string());
        said(command)
    };
    let refused = publish(&[]).await;
    assert_eq!(refused.code, Some(1));
    let expected =
        "no subscriber of this program is declared for topic \"returns\", only for: orders, ";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    let missing = publish(&["--unchecked"]).await;
    assert_eq!(missing.code, Some(1));
    assert!(
        missing
            .stderr
            .contains("cannot publish to projects/mall/topics/returns: does it exist?"),
        "{}",
        missing.stderr
    );
    scene
        .emulator
        .create_topic("projects/mall/topics/returns")
        .expect("a topic");
    assert_eq!(publish(&["--unchecked"]).await.code, Some(0));
}

#[tokio::test]
async fn a_dry_run_needs_neither_project_nor_server() {
    let scene = Scene::start().await;
    let file = scene.write("orders.jsonl", orders(20));
    let mut dry = command(&["publish", "orders", "--dry-run", "--file", &file]);
    dry.env("GCE_METADATA_HOST", "127.0.0.1:1");
    let dry = said(dry).await;
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(dry.stderr.starts_with("20 fit in "), "{}", dry.stderr);
    let said = said(command(&["publish", "orders", "--dry-run", "--json", "{}"])).await;
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("missing field `orderId`"),
        "{}",
        said.stderr
    );
}

#[tokio::test]
async fn a_file_of_which_too_much_fails_is_not_read_to_its_end() {
    let scene = Scene::start().await;
    let file = scene.write("orders.jsonl", "hush\n".repeat(1_200) + &orders(1));
    let said = scene.publish(&["--file", &file, "--keep-going"]).await;
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr
            .contains("line 1000: the document (column 1): not valid JSON")
    );
    assert!(
        said.stderr.contains("too many lines failed"),
        "{}",
        said.stderr
    );
    assert!(
        said.stderr.contains("0 published, 1000 failed in"),
        "{}",
        said.stderr
    );
    assert!(scene.held().is_empty());
}

#[tokio::test]
async fn arguments_that_contradict_each_other_are_refused() {
    let table: [&[&str]; 7] = [
        &[],
        &["--json", "{}", "--file", "x"],
        &["--json", "{}", "--resume", "x"],
        &["x"],
        &["--json", "{}", "--attribute", "novalue"],
        &["--json", "{}", "--event-id-from", "id"],
        &["--json", "{}", "--traceparent", "hush"],
    ];
    for arguments in table {
        let mut command = command(&["publish", "orders"]);
        command.args(arguments);
        let said = said(command).await;
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.stderr);
    }
    let said = said(command(&[
        "publish", "orders", "--resume", "x", "--file", "-",
    ]))
    .await;
    assert!(
        said.stderr.contains("--resume needs --file FILE"),
        "{}",
        said.stderr
    );
}

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
    let said = scene.publish(&arguments).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.contains("published before"), "{}", said.stderr);
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
async fn a_line_that_was_corrected_is_published_when_the_run_is_resumed() {
    let scene = Scene::start().await;
    let bad = format!("{}\nhush\n{}\n", order("A-1"), order("A-3"));
    let file = scene.write("orders.jsonl", bad);
    let checkpoint = scene.path("checkpoint");
    let arguments = ["--file", &file, "--resume", &checkpoint, "--keep-going"];
    assert_eq!(scene.publish(&arguments).await.code, Some(1));
    scene.write("orders.jsonl", orders(3));
    let said = scene.publish(&arguments).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(
        said.stderr.starts_with("1 published, 2 published before"),
        "{}",
        said.stderr
    );
    assert_eq!(scene.events().len(), 3);
    assert_eq!(scene.held().len(), 3);
}

#[tokio::test]
async fn a_checkpoint_of_another_run_is_refused() {
    let scene = Scene::start().await;
    let file = scene.write("orders.jsonl", orders(3));
    let checkpoint = scene.path("checkpoint");
    let arguments = ["--file", &file, "--resume", &checkpoint];
    assert_eq!(scene.publish(&arguments).await.code, Some(0));
    let refused = async |more: &[&str], expected: &str| {
        let mut all = arguments.to_vec();
        all.extend(more);
        let said = scene.publish(&all).await;
        assert_eq!(said.code, Some(1), "{expected}");
        assert!(said.stderr.contains(expected), "{}", said.stderr);
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
        let said = said(command).await;
        assert_eq!(said.code, Some(1));
        let held = scene.held().len();
        assert_eq!(held > 0, keeps_going, "{held}: {}", said.stderr);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_again_ends_the_command() {
    let scene = Scene::start().await;
    let checkpoint = scene.path("checkpoint");
    // The memory of a process can be opened, but not read at its beginning.
    let said = scene
        .publish(&["--file", "/proc/self/mem", "--resume", &checkpoint])
        .await;
    assert_eq!(said.code, Some(1));
    assert!(
        said.stderr.contains("cannot read /proc/self/mem"),
        "{}",
        said.stderr
    );
}

#[tokio::test]
async fn a_run_that_is_told_to_end_records_what_is_on_its_way() {
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
    let said = scene.publish(&arguments).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(scene.held().len(), 200, "none twice");
}

#[tokio::test]
async fn a_byte_order_mark_is_skipped() {
    let scene = Scene::start().await;
    let marked = scene.write("marked.jsonl", format!("\u{feff}{}", orders(2)));
    let said = scene.publish(&["--file", &marked]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(scene.held().len(), 2);
}

#[tokio::test]
async fn a_file_of_another_encoding_or_form_is_rejected() {
    let scene = Scene::start().await;
    let utf16: Vec<u8> = format!("\u{feff}{}", orders(2))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let indented = "{\n  \"orderId\": \"A-1\"\n}\n";
    for (file, expected) in [
        (
            scene.write("utf16.jsonl", utf16),
            "line 1: the text is UTF-16, expected UTF-8",
        ),
        (
            scene.write("indented.json", indented),
            "line 1: the JSON document does not end in this line, expected a whole one in each line",
        ),
    ] {
        for form in [&["--file", &file][..], &["--file", &file, "--messages"]] {
            let said = scene.publish(form).await;
            assert_eq!(said.code, Some(1));
            assert!(said.stderr.contains(expected), "{}", said.stderr);
        }
    }
    assert!(scene.held().is_empty());
}

#[tokio::test]
async fn a_printed_id_that_nobody_reads_stops_no_other_message() {
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

#[tokio::test]
async fn a_project_is_what_pub_sub_takes() {
    let scene = Scene::start().await;
    let create = |project: &str| {
        let name = format!("projects/{project}/topics/orders");
        let topic = scene.emulator.create_topic(&name).expect("a topic");
        topic.subscribe("watch").expect("a subscription")
    };
    let order = order("A-1");
    for project in ["my_project", "example.com:shop"] {
        let subscription = create(project);
        let flagged = scene
            .publish(&["--json", &order, "--project", project])
            .await;
        assert_eq!(flagged.code, Some(0), "{}", flagged.stderr);
        let mut named = scene.command(&["--json", &order]);
        named.env("GOOGLE_CLOUD_PROJECT", project);
        assert_eq!(said(named).await.code, Some(0));
        assert_eq!(subscription.unacked_messages().len(), 2);
    }
    let wrong = scene.publish(&["--json", &order, "--project", "a/b"]).await;
    assert_eq!(wrong.code, Some(2));
    let mut wrong = scene.command(&["--json", &order]);
    wrong.env("GOOGLE_CLOUD_PROJECT", "a b");
    let wrong = said(wrong).await;
    assert!(
        wrong.stderr.contains("projects/a b/topics/orders"),
        "{}",
        wrong.stderr
    );
}
