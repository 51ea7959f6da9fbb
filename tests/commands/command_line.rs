//! The command line and its output.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::harness::google::Google;
use crate::harness::process::{Ended, Process, command, ended, settings};

async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let mut command = command(arguments);
    command.envs(environment.iter().copied());
    ended(command).await
}

const ENOUGH: [(&str, &str); 4] = [
    ("GOOGLE_CLOUD_PROJECT", "shop"),
    ("PUSHGATE_STORE", "redis://app:hush@127.0.0.1:6379"),
    ("PUSHGATE_AUDIENCE", "https://push.example.com"),
    ("PUSHGATE_CALLERS", "push@shop.iam.gserviceaccount.com"),
];

#[tokio::test]
async fn without_settings_serve_names_everything_it_needs_at_once() {
    // There is no metadata server at this address.
    let ended = run(
        &["serve"],
        &[("GCE_METADATA_HOST", "127.0.0.1:1"), ("PORT", "high")],
    )
    .await;
    assert_ne!(ended.code, Some(0));
    for fault in [
        "5 invalid settings",
        "PORT is \"high\", expected a port, 0 to 65535",
        "GOOGLE_CLOUD_PROJECT is not set",
        "PUSHGATE_STORE is not set, expected redis://",
        "PUSHGATE_AUDIENCE is not set",
        "PUSHGATE_CALLERS is not set",
    ] {
        assert!(ended.stderr.contains(fault), "{fault}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn the_help_of_serve_lists_every_setting() {
    let ended = run(&["serve", "--help"], &[]).await;
    assert_eq!(ended.code, Some(0));
    for setting in &pushgate::SETTINGS {
        assert!(
            ended.stdout.contains(setting.name) && ended.stdout.contains(setting.form),
            "{}",
            setting.name
        );
        if let Some(default) = setting.default {
            assert!(
                ended.stdout.contains(&format!("[default: {default}]")),
                "{}",
                setting.name
            );
        }
    }
    let ended = run(&["--help"], &[]).await;
    let commands: Vec<&str> = ended
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .collect();
    assert_eq!(
        commands[..17],
        [
            "serve",
            "dev",
            "describe",
            "generate",
            "check",
            "publish",
            "dead-letters",
            "message",
            "replay",
            "pause",
            "resume",
            "top",
            "doctor",
            "new",
            "gateway",
            "completions",
            "help"
        ],
        "what does not exist is not listed"
    );
}

#[tokio::test]
async fn the_effective_settings_are_printed_without_the_password() {
    let ended = run(&["serve", "--print-config"], &ENOUGH).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended
            .stdout
            .contains("PUSHGATE_STORE=redis://app:***@127.0.0.1:6379  # environment"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("PORT=8080  # default"));
    assert!(!ended.stdout.contains("hush") && !ended.stderr.contains("hush"));
    assert_eq!(ended.stdout.lines().count(), pushgate::SETTINGS.len());
}

#[tokio::test]
async fn a_script_reads_the_effective_settings_as_json() {
    let ended = run(&["serve", "--print-config", "--json"], &ENOUGH).await;
    let settings: Vec<serde_json::Value> = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(settings.len(), pushgate::SETTINGS.len());
    let port = serde_json::json!({"name": "PORT", "value": "8080", "source": "default"});
    assert!(settings.contains(&port));
    assert!(!ended.stdout.contains("hush"));
}

#[tokio::test]
async fn people_read_the_declarations_as_a_table() {
    let ended = run(&["describe", "--table"], &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut lines = ended.stdout.lines();
    let head = lines.next().expect("a head");
    let column = head.find("TOPIC").expect("a column");
    let orders = lines.next().expect("a subscriber");
    assert!(orders.starts_with("orders-fulfilment "), "{orders}");
    assert!(orders[column..].starts_with("orders "), "{orders}");
    assert!(
        orders.ends_with("Reserves stock for every paid order."),
        "{orders}"
    );
    assert_eq!(lines.count(), 3);
}

#[tokio::test]
async fn completions_are_written_for_each_shell() {
    for (shell, part) in [
        ("bash", "complete -F _pushgate"),
        ("zsh", "#compdef pushgate"),
        ("fish", "complete -c pushgate"),
    ] {
        let ended = run(&["completions", shell], &[]).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout.contains(part), "{}", ended.stdout);
        assert!(ended.stdout.contains("dead-letters"), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn describe_prints_every_declaration_as_json() {
    let ended = run(&["describe"], &[]).await;
    assert!(
        ended.code == Some(0) && ended.stderr.is_empty(),
        "{}",
        ended.stderr
    );
    let described: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(described["version"], 1);
    assert!(described["pushgateDescribe"].is_string());
    let subscriptions = described["subscriptions"].as_array().expect("a list");
    let ids: Vec<&str> = subscriptions
        .iter()
        .filter_map(|subscription| subscription["id"].as_str())
        .collect();
    assert_eq!(
        ids,
        [
            "orders-fulfilment",
            "orders-receipts",
            "uploads-fingerprints",
            "stock-reports"
        ]
    );
    for subscription in subscriptions {
        for field in ["topic", "purpose", "deadLetterTopic"] {
            let value = subscription[field].as_str();
            assert!(value.is_some_and(|value| !value.is_empty()), "{field}");
        }
        assert!(subscription["retryPolicy"]["minimumBackoff"].is_string());
    }
}

#[tokio::test]
async fn the_help_of_describe_names_no_settings() {
    let help = run(&["describe", "--help"], &[]).await;
    assert!(help.stdout.contains("needs no settings"), "{}", help.stdout);
}

#[tokio::test]
async fn a_taken_port_is_explained() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let mut environment = ENOUGH.to_vec();
    environment.push(("PORT", &port));
    let ended = run(&["serve"], &environment).await;
    assert!(
        ended.code != Some(0)
            && ended
                .stderr
                .contains(&format!("cannot listen on 0.0.0.0:{port}: check PORT")),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_wrong_log_format_is_explained() {
    let ended = run(&["serve"], &[("PUSHGATE_LOG_FORMAT", "xml")]).await;
    assert!(
        ended.code != Some(0)
            && ended
                .stderr
                .contains("PUSHGATE_LOG_FORMAT is \"xml\", expected json or text"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_setting_that_is_not_utf_8_is_reported_as_such() {
    let mut command = command(&["serve"]);
    command.envs(ENOUGH);
    command.env("PUSHGATE_AUDIENCE", OsStr::from_bytes(b"\xff"));
    let stderr = ended(command).await.stderr;
    assert!(
        stderr.contains("1 invalid settings:\n  PUSHGATE_AUDIENCE is not UTF-8, expected"),
        "{stderr}"
    );
}

#[tokio::test]
async fn a_wrong_log_level_is_reported_with_all_other_faults() {
    let ended = run(
        &["serve"],
        &[
            ("PUSHGATE_LOG", "warning"),
            ("GCE_METADATA_HOST", "127.0.0.1:1"),
        ],
    )
    .await;
    assert_ne!(ended.code, Some(0));
    assert!(
        ended
            .stderr
            .contains("PUSHGATE_LOG is \"warning\", expected a level"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("PUSHGATE_STORE is not set"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn in_a_json_log_a_failed_start_is_one_entry() {
    let ended = run(
        &["serve"],
        &[
            ("PUSHGATE_LOG_FORMAT", "json"),
            ("GOOGLE_CLOUD_PROJECT", "shop"),
        ],
    )
    .await;
    let entry: serde_json::Value = serde_json::from_str(&ended.stderr).expect("one entry");
    assert_eq!(entry["severity"], "ERROR");
}

#[tokio::test]
async fn a_text_log_in_a_pipe_has_no_colours() {
    let ended = run(&["serve"], &[("GCE_METADATA_HOST", "127.0.0.1:1")]).await;
    assert!(
        ended.stderr.contains("WARN") && !ended.stderr.contains('\u{1b}'),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_logged_at_start() {
    let google = Google::start().await;
    let (mut process, _) = Process::serve(&settings(&google, "redis://127.0.0.1:1")).await;
    let line = process.log(|line| line["message"] == "not ready").await;
    assert!(
        line["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("redis://127.0.0.1:1, check PUSHGATE_STORE: ")),
        "{line}"
    );
}

#[tokio::test]
async fn memory_on_cloud_run_is_refused_without_a_reason() {
    let mut environment = ENOUGH.to_vec();
    environment.extend([("K_SERVICE", "shop"), ("PUSHGATE_STORE", "memory:")]);
    let ended = run(&["serve"], &environment).await;
    assert!(
        ended.code != Some(0)
            && ended
                .stderr
                .contains("PUSHGATE_STORE is memory: on Cloud Run"),
        "{}",
        ended.stderr
    );
    environment.push(("PUSHGATE_STORE", "memory:handlers only read"));
    let ended = run(&["serve", "--print-config"], &environment).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn readers_that_have_gone_change_no_exit_status() {
    let file = std::env::temp_dir().join(format!("pushgate-stale-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(file.join("m2m")).expect("a folder");
    std::fs::write(file.join("Cargo.toml"), "").expect("written");
    let stale = file.to_str().expect("text");
    let order = r#"{"orderId":"A","customerEmail":"ada@example.com","lines":[{"article":"teapot","quantity":1,"priceCents":1}]}"#;
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["--nonsense"], 2),
        (&["serve", "--print-config"], 1),
        (&["describe"], 0),
        (&["describe", "--schema"], 0),
        (&["check", "--rules"], 0),
        (&["check", "--root", stale], 1),
        (&["check", "--root", "/"], 2),
        (&["generate", "--root", stale, "--check"], 1),
        (&["generate", "--root", stale, "--release"], 0),
        (&["generate", "--root", stale, "--check"], 0),
        (&["publish", "orders", "--dry-run", "--json", order], 0),
        (&["publish", "orders", "--dry-run", "--json", "{}"], 1),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = command(arguments);
        command
            .env("GCE_METADATA_HOST", "127.0.0.1:1")
            .stdout(writer.try_clone().expect("a pipe"))
            .stderr(writer);
        let status = command.status().await.expect("it runs");
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
    std::fs::remove_dir_all(file).expect("removed");
}
