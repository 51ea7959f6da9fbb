//! The memory that the service takes for a message of maximum size, and its return.

use std::path::Path;

use pushgate::{Config, Environment, Idempotency, Message, Subscriber};
use tokio::process::Command;

use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::process::{Process, settings};
use crate::harness::{AUDIENCE, CALLER, declared, push_to, soon};

/// The most that a message may hold (Google, *Quotas and limits*), less the attributes of a dead letter.
const MESSAGE_BYTES: usize = 10_000_000 - 4_096;
const SERVER: &str = "PUSHGATE_TEST_SERVES";

#[derive(serde::Deserialize, validator::Validate, schemars::JsonSchema)]
struct Slip {
    id: String,
    quantity: Option<u32>,
}

async fn handle(slip: Message<Slip>) {
    drop((slip.0.id, slip.0.quantity));
}

/// The service of this test in a separate process.
#[expect(clippy::print_stdout, reason = "the test reads where it listens")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it serves the other tests of this file, and does nothing without them"]
async fn serves() {
    let environment = Environment::of_process();
    if environment.get(SERVER).is_none() {
        return;
    }
    let config = Config::read(&environment).expect("settings");
    let slips = declared(Subscriber::new("slips", handle));
    let service = pushgate::Service::new()
        .subscriber(slips.idempotency(Idempotency::by_payload("/id")))
        .start(&config.on_loopback(0))
        .await
        .expect("it starts");
    let address = service.address().to_string();
    println!(
        "\n{}",
        serde_json::json!({"message": "listening", "address": address})
    );
    std::future::pending::<()>().await;
}

/// A figure of the process's memory.
fn bytes(process: &Process, figure: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.expect("Linux");
    let line = status.lines().find(|line| line.starts_with(figure));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1));
    kibibytes
        .expect("the figure")
        .parse::<usize>()
        .expect("a number")
        * 1024
}

/// Pushes the message, which is acked, and returns how far the process's memory grew meanwhile.
async fn growth(process: &Process, url: &str, google: &Google, message: &TestMessage) -> usize {
    let token = google.emulator.issuer().token(CALLER, AUDIENCE);
    let body = message.body();
    let before = bytes(process, "VmRSS");
    let peak = format!("/proc/{}/clear_refs", process.id());
    std::fs::write(Path::new(&peak), "5").expect("the peak is forgotten");
    assert_eq!(push_to(url, body, &token).await.status, 204);
    bytes(process, "VmHWM").saturating_sub(before)
}

/// A slip of maximum size that repeats `element`.
fn slip(id: usize, begin: &str, element: impl Fn(usize) -> String, end: &str) -> TestMessage {
    let mut data = format!(r#"{{"id":"s-{id}",{begin}"#);
    for number in 0.. {
        let element = element(number);
        if data.len() + element.len() + end.len() > MESSAGE_BYTES {
            break;
        }
        data.push_str(&element);
    }
    data.push_str(end);
    TestMessage::new("slips", data)
}

#[tokio::test]
async fn a_message_of_maximum_size_takes_four_times_its_size() {
    let google = Google::start().await;
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command
        .args([
            "delivery::memory::serves",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env_clear()
        .env(SERVER, "true")
        .kill_on_drop(true);
    let (process, url) = Process::listening(command, &settings(&google, "memory:")).await;
    let small = TestMessage::new("slips", r#"{"id":"small"}"#);
    growth(&process, &url, &google, &small).await;

    let same = |element: &'static str| move |_| element.to_owned();
    let messages = [
        slip(1, r#""pad":["#, same("0,"), "0]}"),
        slip(2, r#""pad":["#, same(r#"{"":0},"#), "[]]}"),
        slip(3, r#""pad":{"#, |n| format!(r#""{n}":0,"#), r#""":0}}"#),
        slip(4, r#""pad":""#, same(r"\u0041"), r#""}"#),
        slip(5, r#""quantity":""#, same("\u{7f}"), r#""}"#), // does not fit, and an error that quoted it would be larger
        slip(6, r#""pad":"#, same(r#"{"":"#), ""),           // not JSON
    ];
    for message in messages {
        let growth = growth(&process, &url, &google, &message).await;
        let begin = String::from_utf8_lossy(&message.data[..40]).into_owned();
        assert!(growth <= 4 * MESSAGE_BYTES, "{growth} bytes for {begin}");
    }
}

/// `pushgate serve`, whose handler's own type is large here, and messages for it.
struct Orders {
    google: Google,
    process: Process,
    url: String,
    small: TestMessage,
    /// Has too many lines, and each line breaks a rule.
    large: TestMessage,
}

impl Orders {
    async fn serve() -> Self {
        let google = Google::start().await;
        google
            .emulator
            .create_topic("projects/test-project/topics/orders-fulfilment-dead-letter")
            .expect("a topic");
        let (process, url) = Process::serve(&settings(&google, "memory:")).await;
        let order = |lines: &[String]| {
            let head = r#"{"orderId":"A-1","customerEmail":"ada@example.com","lines":["#;
            TestMessage::new("orders-fulfilment", format!("{head}{}]}}", lines.join(",")))
        };
        let line = r#"{"article":"teapot","quantity":0,"priceCents":1}"#.to_owned();
        let small = order(&[line.replace("\":0", "\":1")]);
        let large = order(&vec![line; 200_000]);
        Self {
            google,
            process,
            url,
            small,
            large,
        }
    }

    async fn push_small_ones(&self, count: usize) {
        for _ in 0..count {
            let token = self.google.emulator.issuer().token(CALLER, AUDIENCE);
            push_to(&self.url, self.small.body(), &token).await;
        }
    }

    /// Pushes the large message, and waits until the process uses at most this much.
    async fn push_large_one(&self, limit: usize) {
        let growth = growth(&self.process, &self.url, &self.google, &self.large).await;
        assert!(growth <= 7 * MESSAGE_BYTES, "{growth} bytes");
        soon("memory that is given back", async {
            while bytes(&self.process, "VmRSS") > limit {
                self.push_small_ones(1).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn memory_that_a_large_payload_took_is_given_back() {
    let orders = Orders::serve().await;
    orders.push_small_ones(1).await;
    let at_first = bytes(&orders.process, "VmRSS");
    orders.push_large_one(at_first + MESSAGE_BYTES).await;
}

#[tokio::test]
async fn memory_of_each_of_several_large_payloads_is_given_back() {
    let orders = Orders::serve().await;
    orders.push_small_ones(1_000).await; // until every worker has allocated its share
    let at_first = bytes(&orders.process, "VmRSS");
    for _ in 0..3 {
        orders.push_large_one(at_first + MESSAGE_BYTES).await;
    }
}
