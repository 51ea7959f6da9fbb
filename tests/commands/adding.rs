//! A new subscriber: one file and its lines in the list; everything else is generated.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tokio::process::Command;

use crate::harness::process::Process;
use crate::harness::repository::{Copy, root};
use crate::harness::{client, free_port, soon};

const SUBSCRIBER: &str = r#"//! Subscription `refunds-payment`: pays the customer back.

use pushgate::{Example, Idempotency, Message, Outcome, Subscriber};

#[derive(serde::Serialize, serde::Deserialize, validator::Validate, schemars::JsonSchema)]
struct Refund {
    #[validate(length(min = 1))]
    order_id: String,
    #[validate(range(min = 1))]
    cents: u32,
}

pub(crate) fn subscriber() -> Subscriber {
    let refund = Refund { order_id: "A-1001".into(), cents: 1999 };
    Subscriber::new("refunds-payment", pay_back)
        .topic("refunds")
        .purpose("Pays the customer back.")
        .producers(["support"])
        .idempotency(Idempotency::by_attribute("refund-id"))
        .examples([Example::json("a refund", &refund).attribute("refund-id", "R-1")])
}

async fn pay_back(refund: Message<Refund>) -> Outcome {
    let _bank = (&refund.order_id, refund.cents);
    Outcome::Success
}
"#;

/// Builds the repository with the subscriber, and returns it with its binary.
async fn repository_with_a_subscriber_more() -> (Copy, PathBuf) {
    let target = root().join("target/adding");
    let copy = Copy::kept(target.join("repository"));
    copy.put("subscribers/refunds_payment.rs", SUBSCRIBER);
    let main = copy.read("subscribers/main.rs");
    let main = main.replacen(
        "mod stock_reports;",
        "mod refunds_payment;\nmod stock_reports;",
        1,
    );
    let last = "        .subscriber(stock_reports::subscriber())\n";
    let list = format!("{last}        .subscriber(refunds_payment::subscriber())\n");
    copy.put("subscribers/main.rs", main.replacen(last, &list, 1));
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        // With an example Cargo resolves features as for tests, so that the tests' build is used again.
        .args([
            "build",
            "--quiet",
            "--offline",
            "--workspace",
            "--all-features",
            "--bin",
            "pushgate",
            "--example",
            "latency",
        ])
        .current_dir(&copy.root)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_BUILD_BUILD_DIR", root().join("target"));
    let output = cargo.output().await.expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (copy, target.join("debug/pushgate"))
}

async fn generate(binary: &PathBuf, copy: &Copy, arguments: &[&str]) -> String {
    let mut command = Command::new(binary);
    command
        .arg("generate")
        .args(arguments)
        .current_dir(&copy.root);
    let output = command.output().await.expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        output.status.success(),
        "{text} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

async fn resource(host: &str, path: &str) -> Value {
    let url = format!("http://{host}/v1/projects/local/{path}");
    let answer = client().get(url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn a_new_subscriber_is_one_file_in_the_list() {
    let (copy, binary) = repository_with_a_subscriber_more().await;
    let written = generate(&binary, &copy, &[]).await;
    let verbs: BTreeMap<&str, &str> = written
        .lines()
        .filter_map(|line| {
            line.split_once("  ")
                .map(|(verb, path)| (path.trim(), verb.trim()))
        })
        .collect();
    for path in [
        "deploy/grafana-dashboard.json",
        "deploy/prometheus-alerts.yml",
        "m2m/README.md",
        "m2m/asyncapi.yaml",
        "m2m/schemas/Refund.json",
        "terraform/subscriptions.auto.tfvars.json",
    ] {
        assert_eq!(verbs.get(path), Some(&"written"), "{written}");
    }
    assert_eq!(
        verbs.get("m2m/schemas/OrderPlaced.json"),
        Some(&"unchanged"),
        "{written}"
    );
    let variables: Value =
        serde_json::from_str(&copy.read("terraform/subscriptions.auto.tfvars.json")).expect("JSON");
    assert_eq!(
        variables["subscriptions"]["refunds-payment"]["topic"],
        "refunds"
    );
    assert!(variables["topics"]["refunds"].is_object());
    let documents = copy.read("m2m/README.md");
    assert!(
        documents.contains("### Subscription `refunds-payment`")
            && documents
                .contains("[`subscribers/refunds_payment.rs`](../subscribers/refunds_payment.rs)")
    );
    assert!(
        copy.read("m2m/asyncapi.yaml")
            .contains("receive-refunds-payment:")
    );
    generate(&binary, &copy, &["--check"]).await;

    let (port, emulator_port) = (free_port().to_string(), free_port().to_string());
    let mut dev = Command::new(&binary);
    dev.args([
        "dev",
        "--status-port=0",
        "--quiet",
        "--port",
        &port,
        "--emulator-port",
        &emulator_port,
    ])
    .env_clear()
    .kill_on_drop(true);
    let mut process = Process::start(dev);
    let line = process.line(" PUBSUB_EMULATOR_HOST=").await;
    let host = line.rsplit('=').next().expect("a host").to_owned();
    process.line("Publish your own").await;
    soon("the topic", resource(&host, "topics/refunds")).await;
    let subscription = resource(&host, "subscriptions/refunds-payment").await;
    assert_eq!(subscription["topic"], "projects/local/topics/refunds");
    assert!(
        subscription["pushConfig"]["pushEndpoint"]
            .as_str()
            .is_some_and(|url| url.ends_with("/push/refunds-payment"))
    );
    process.signal("-TERM").await;
    assert!(process.exit().await.success());
}
