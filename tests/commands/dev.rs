//! `pushgate dev`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::probe::task;
use crate::harness::process::{Process, command};
use crate::harness::{Service, client, free_port, soon};

/// Starts `pushgate dev` on free ports, and returns it with the address of its emulator.
async fn dev(arguments: &[&str]) -> (Process, String) {
    let (port, emulator_port) = (free_port().to_string(), free_port().to_string());
    let mut all = vec![
        "dev",
        "--status-port=0",
        "--port",
        &port,
        "--emulator-port",
        &emulator_port,
    ];
    all.extend(arguments);
    let mut process = Process::start(command(&all));
    let line = process.line(" PUBSUB_EMULATOR_HOST=").await;
    let host = line.rsplit('=').next().expect("a host").to_owned();
    (process, host)
}

#[tokio::test]
async fn example_messages_show_what_the_product_is_for() {
    let start = tokio::time::Instant::now();
    let (mut process, _) = dev(&[]).await;
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "ready after {:?}",
        start.elapsed()
    );
    for line in [
        "✓ orders-fulfilment     handled → 204",
        "✓ orders-fulfilment     duplicate, not run again → 204",
        "↻ orders-fulfilment     failed: the hall is locked → 503  attempt 1, redelivered in 1.0 s",
        "↻ orders-fulfilment     failed: the hall is locked → 503  attempt 2, redelivered in 2.0 s",
        "✗ orders-fulfilment     dead-lettered: the warehouse has no such article as in line 1",
        "✓ uploads-fingerprints  handled → 204",
        "✓ stock-reports         handled → 204",
        "✗ unknown               refused: authentication failed: token refused: the signature does not belong to this header and these claims → 401",
        "INFO handler{subscription=projects/local/subscriptions/orders-fulfilment message_id=",
        "Publish your own",
    ] {
        process.line(line).await;
    }
    let lines = process.lines();
    assert!(!lines.iter().any(|line| line.contains("push handled")));
    process.signal("-INT").await;
    assert!(process.exit().await.success());
}

#[tokio::test]
async fn quiet_shows_only_messages_of_ones_own() {
    let (mut process, host) = dev(&["--quiet"]).await;
    process.line("Publish your own").await;
    let body = json!({"messages": [{"data": "eyJvcmRlcklkIjoiQSJ9"}]}).to_string(); // {"orderId":"A"}
    let url = format!("http://{host}/v1/projects/local/topics/orders:publish");
    // The content type of `curl -d`.
    let request = client()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    let answer = request
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a body");
    assert!(answer.contains("messageIds"), "{answer}");
    process.line("✗ orders-fulfilment     dead-lettered: payload does not fit: the document (line 1, column 15): missing field `customerEmail`").await;
    let lines = process.lines();
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("an order that can be filled")),
        "{lines:?}"
    );
    process.signal("-TERM").await;
    assert!(process.exit().await.success());
}

#[tokio::test]
async fn pushgate_log_decides_which_lines_are_shown() {
    let (port, emulator_port) = (free_port().to_string(), free_port().to_string());
    let mut dev = command(&[
        "dev",
        "--status-port=0",
        "--port",
        &port,
        "--emulator-port",
        &emulator_port,
    ]);
    dev.env("PUSHGATE_LOG", "error");
    let mut process = Process::start(dev);
    process.line("✓ orders-fulfilment").await;
    let lines = process.lines();
    assert!(!lines.iter().any(|line| line.contains("stock reserved")));
}

/// Returns the JSON of the console at this path.
async fn console(host: &str, path: &str) -> Value {
    let answer = client().get(format!("http://{host}/console/api/{path}"));
    let answer = answer.send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

/// Waits for a delivery with this outcome and this reason in the console.
async fn delivery(host: &str, outcome: &str, reason: Value) -> Value {
    let found = async {
        loop {
            let messages = console(host, "messages").await;
            for message in messages["messages"].as_array().expect("a list") {
                let id = message["id"].as_str().expect("an id");
                let life = console(host, &format!("messages/{id}")).await;
                let entries = life["subscriptions"].as_array().expect("a list");
                let mut attempts = entries
                    .iter()
                    .flat_map(|entry| entry["attempts"].as_array().expect("a list"));
                let found = attempts
                    .find(|attempt| attempt["outcome"] == outcome && attempt["reason"] == reason);
                if let Some(found) = found {
                    return found.clone();
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(outcome, found).await
}

#[tokio::test]
async fn the_console_shows_outcomes_with_their_reasons() {
    let (mut process, host) = dev(&[]).await;
    process.line("failed: the hall is locked → 503").await;
    let failed = delivery(&host, "failed", json!("the hall is locked")).await;
    assert_eq!(failed["answer"]["body"]["text"], "the hall is locked\n");
    let duplicate = delivery(&host, "duplicate", Value::Null).await;
    assert_eq!(duplicate["answer"]["body"]["text"], "");
    let reason = json!(
        "the warehouse has no such article as in line 1 (see topic orders-fulfilment-dead-letter)"
    );
    let dead = delivery(&host, "dead-lettered", reason).await;
    assert_eq!(dead["answer"]["body"]["text"], "", "it is in a header");
}

#[tokio::test]
async fn a_deployed_service_sends_no_reason() {
    let service = Service::start().await;
    let message = service.message(task::DEAD_LETTER);
    let push = client().post(&service.url).bearer_auth(service.token());
    let reply = push.body(message.body()).send().await.expect("an answer");
    assert_eq!(reply.headers()["pushgate-outcome"], "dead-lettered");
    assert!(!reply.headers().contains_key("pushgate-reason"));
}

#[tokio::test]
async fn the_console_offers_the_declared_examples() {
    let (mut process, host) = dev(&["--quiet"]).await;
    process.line("Publish your own").await;
    let topic = console(&host, "topics/local/orders").await;
    let examples = topic["examples"].as_array().expect("a list");
    let data = examples[0]["data"]["text"].as_str().expect("a text");
    assert!(data.contains("\"orderId\""), "{data}");
    assert_ne!(examples[0]["title"], "");
}

#[tokio::test]
async fn a_taken_port_is_reported() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let mut process = Process::start(command(&[
        "dev",
        "--status-port=0",
        "--quiet",
        "--port",
        &port,
        "--emulator-port",
        &free_port().to_string(),
    ]));
    process
        .line(&format!("Port {port} is in use: this run uses "))
        .await;
}

#[tokio::test]
async fn it_ends_with_its_emulator() {
    let (mut process, host) = dev(&["--quiet"]).await;
    process.line("Publish your own").await;
    let asked = client().post(format!("http://{host}/shutdown"));
    assert_eq!(asked.send().await.expect("an answer").status(), 200);
    assert!(process.exit().await.success());
}

#[tokio::test]
async fn any_project_that_pub_sub_takes_is_accepted() {
    for (project, named, caller) in [
        ("", "local", "push@local."),
        ("my_project", "my_project", "push@my_project."),
        (
            "Example.com:shop",
            "Example.com:shop",
            "push@shop.example.com.",
        ),
    ] {
        let (port, emulator_port) = (free_port().to_string(), free_port().to_string());
        let mut command = command(&["dev", "--status-port=0", "--emulator-port", &emulator_port]);
        command.env("GOOGLE_CLOUD_PROJECT", project);
        match project {
            "" => command.env("PORT", "").args(["--port", &port]),
            _ => command.env("PORT", &port),
        };
        let mut process = Process::start(command);
        process.line(&format!("project {named}; clients:")).await;
        process.line("✓ orders-fulfilment     handled → 204").await;
        let url = format!(
            "http://127.0.0.1:{emulator_port}/v1/projects/{named}/subscriptions/orders-fulfilment"
        );
        let subscription = client().get(url).send().await.expect("an answer");
        let subscription = subscription.text().await.expect("a body");
        assert!(subscription.contains(caller), "{subscription}");
    }
}

#[tokio::test]
async fn a_wrong_variable_is_rejected() {
    for (name, value) in [("GOOGLE_CLOUD_PROJECT", "a/b"), ("PORT", "high")] {
        let mut command = command(&["dev"]);
        command.env(name, value);
        let ended = command.output().await.expect("it runs");
        let text = String::from_utf8(ended.stderr).expect("text");
        assert!(
            text.contains(&format!("{name} is \"{value}\", expected")),
            "{text}"
        );
        assert_eq!(ended.status.code(), Some(1));
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_reported() {
    let (port, emulator_port) = (free_port().to_string(), free_port().to_string());
    let mut command = command(&[
        "dev",
        "--status-port=0",
        "-q",
        "--port",
        &port,
        "--emulator-port",
        &emulator_port,
    ]);
    command.env("PUSHGATE_STORE", "redis://app:hush@127.0.0.1:1");
    let mut process = Process::start(command);
    let text = process
        .line("messages cannot be handled: the deduplication store does not answer: redis://app:***@127.0.0.1:1, check PUSHGATE_STORE: ")
        .await;
    assert!(
        !text.contains("FIRESTORE") && !text.contains("TLS"),
        "{text}"
    );
}
