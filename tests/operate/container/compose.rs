//! compose.yml as plain processes: its command lines and its environment, at free ports of this machine.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use super::files::composed;
use crate::harness::process::{Process, command, pushgate};
use crate::harness::redis_server::RedisServer;
use crate::harness::{client, free_port, get, soon};

/// The composed system, with the addresses and paths that differ here.
struct Composed {
    services: Value,
    places: Vec<(&'static str, String)>,
    folder: PathBuf,
}

impl Composed {
    fn new(redis: &RedisServer) -> Self {
        let folder = std::env::temp_dir().join(format!("pushgate-composed-{}", free_port()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let places = vec![
            ("0.0.0.0", "127.0.0.1".into()),
            ("redis:6379", format!("127.0.0.1:{}", redis.port)),
            ("8080", free_port().to_string()),
            ("8085", free_port().to_string()),
            ("/declarations/", format!("{}/", folder.display())),
            ("/pushgate ", format!("{} ", pushgate().display())),
            ("/busybox/sh", "sh".into()),
        ];
        let services = composed()["services"].take();
        Self {
            services,
            places,
            folder,
        }
    }

    /// Returns a text of compose.yml with the addresses and paths of this test.
    fn here(&self, text: &Value) -> String {
        let text = text.as_str().expect("text").to_owned();
        let put = |text: String, (there, here): &(&str, String)| text.replace(there, here);
        self.places.iter().fold(text, put)
    }

    fn words(&self, of: &Value) -> Vec<String> {
        let words = of.as_array().expect("words").iter();
        words.map(|word| self.here(word)).collect()
    }

    /// Waits until the health check of this service succeeds.
    async fn is_healthy(&self, service: &str) {
        let check = self.words(&self.services[service]["healthcheck"]["test"]);
        let url = check.last().expect("a URL");
        soon(url, async {
            while !get(url)
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        })
        .await;
    }
}

impl Drop for Composed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn quiet(program: impl AsRef<std::ffi::OsStr>, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

#[tokio::test]
#[ignore = "needs tools that ./test installs"]
async fn redis_a_composed_system_handles_a_published_message() {
    let redis = RedisServer::start().await;
    let composed = Composed::new(&redis);
    let services = &composed.services;
    assert_eq!(
        services["pushgate"]["network_mode"], "service:emulator",
        "or they would not share a loopback"
    );

    let written = composed.words(&services["declarations"]["entrypoint"]);
    let status = quiet(&written[0], &written[1..])
        .status()
        .await
        .expect("sh runs");
    assert!(status.success());

    // Cargo puts all binaries of the workspace into one folder.
    let emulator = pushgate().with_file_name("emulator");
    let arguments = composed.words(&services["emulator"]["command"]);
    let mut emulator = Process::start(quiet(emulator, &arguments));
    composed.is_healthy("emulator").await;
    emulator
        .line("created projects/demo/subscriptions/orders-fulfilment")
        .await;

    let mut service = command(&["serve"]);
    for (name, value) in services["pushgate"]["environment"]
        .as_object()
        .expect("an environment")
    {
        service.env(name, composed.here(value));
    }
    let mut service = Process::start(service);
    composed.is_healthy("pushgate").await;

    let emulator_at = composed.here(&json!("http://127.0.0.1:8085"));
    let order = r#"{"orderId":"A-1","customerEmail":"a@example.com","lines":[{"article":"teapot","quantity":1,"priceCents":1}]}"#;
    let message = json!({"messages": [{"data": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, order)}]});
    let published = client()
        .post(format!(
            "{emulator_at}/v1/projects/demo/topics/orders:publish"
        ))
        .json(&message);
    assert!(
        published
            .send()
            .await
            .expect("an answer")
            .status()
            .is_success()
    );
    for subscription in ["orders-fulfilment", "orders-receipts"] {
        let name = format!("\"projects/demo/subscriptions/{subscription}\"");
        let line = service.line(&name).await;
        assert!(
            line.contains("push handled") && line.contains("status=204"),
            "{line}"
        );
    }
    assert!(redis.call(&["dbsize"]) != "0", "its records are in Redis");
}
