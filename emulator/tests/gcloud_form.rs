//! Tests of the command as Google's is started: by gcloud, by testcontainers' modules, and by the common images.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// A running command and the lines of its stderr. It is killed when dropped.
struct Started {
    child: Child,
    lines: Vec<String>,
}

impl Drop for Started {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Starts the command, and reads its log until the line for which tools wait.
fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Started {
    let mut child = Command::new(env!("CARGO_BIN_EXE_emulator"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut lines = Vec::new();
    for line in log.lines().map(Result::unwrap) {
        let is_ready = line.contains("started");
        lines.push(line);
        if is_ready {
            break;
        }
    }
    Started { child, lines }
}

/// Returns a free port whose next one is free, too.
fn free_pair() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let next = port.checked_add(1);
        if next.is_some_and(|next| TcpListener::bind(("127.0.0.1", next)).is_ok()) {
            return port;
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Returns the answer to a GET of this path.
fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The words of each module, and the line for which it waits (the modules' sources).
#[test]
fn each_module_finds_the_line_for_which_it_waits() {
    let port = free_port();
    let host_port = format!("0.0.0.0:{port}");
    let joined = format!("--host-port={host_port}");
    let start_words = ["beta", "emulators", "pubsub", "start"];
    for (module, flags, line) in [
        ("Java, .NET", &["--host-port", &host_port][..], "started"),
        (
            "Node",
            &[&joined, "--project=test-project"],
            "Server started",
        ),
        (
            "Go",
            &["--host-port", &host_port, "--project=test-project"],
            "started",
        ),
        ("Python", &["--project=test-project", &joined], "started"),
        (
            "Rust",
            &["--host-port", &host_port],
            "[pubsub] INFO: Server started, listening on",
        ),
    ] {
        let started = start(&[&start_words[..], flags].concat(), &[]);
        let last = started.lines.last().unwrap();
        assert!(last.contains(line), "{module}: {:?}", started.lines);
        assert_eq!(
            *last,
            format!("[pubsub] INFO: Server started, listening on {port}")
        );
        let prefixed = started
            .lines
            .iter()
            .all(|line| line.starts_with("[pubsub] "));
        assert!(prefixed, "{module}: {:?}", started.lines);
        assert!(get(port, "/").ends_with("Ok"), "{module}");
    }
}

#[test]
fn env_init_prints_what_start_wrote() {
    let folder = std::env::temp_dir().join(format!("emulator-env-{}", free_port()));
    let data_dir = format!("--data-dir={}", folder.display());
    let port = free_port();
    let host_port = format!("127.0.0.1:{port}");
    let words = ["beta", "emulators", "pubsub"];
    let flags = ["start", "--host-port", &host_port, &data_dir, "--quiet"];
    let started = start(&[&words[..], &flags].concat(), &[]);
    let note = "[pubsub] note: --quiet has no effect here";
    assert!(
        started.lines.iter().any(|line| line == note),
        "{:?}",
        started.lines
    );
    let init = [&words[..], &["env-init", &data_dir]].concat();
    let mut command = Command::new(env!("CARGO_BIN_EXE_emulator"));
    let output = command.args(init).output().unwrap();
    let expected = format!("export PUBSUB_EMULATOR_HOST={host_port}\n");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn env_init_without_a_start_names_the_file() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_emulator"));
    let words = [
        "beta",
        "emulators",
        "pubsub",
        "env-init",
        "--data-dir=/nowhere",
    ];
    let output = command.args(words).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("/nowhere/env.yaml"), "{text}");
}

/// The variables of the images of messagebird and TheKevJames; `PROJECT,TOPIC:SUBSCRIPTION:SUBSCRIPTION,…`.
#[test]
fn variables_create_topics_and_then_open_the_next_port() {
    let port = free_pair();
    let host_port = format!("127.0.0.1:{port}");
    let variables = [
        ("PUBSUB_PROJECT1", "shop,orders:billing:audit,returns"),
        ("PUBSUB_PROJECT2", "depot,boxes:labels"),
        ("PUBSUB_PROJECT4", "never,read"),
    ];
    let _started = start(&["--host-port", &host_port], &variables);
    // The port opens before the line.
    TcpStream::connect(("127.0.0.1", port + 1)).unwrap();
    for (path, is_there) in [
        ("projects/shop/topics/orders", true),
        ("projects/shop/topics/returns", true),
        ("projects/shop/subscriptions/billing", true),
        ("projects/shop/subscriptions/audit", true),
        ("projects/depot/subscriptions/labels", true),
        ("projects/never/topics/read", false),
    ] {
        let answer = get(port, &format!("/v1/{path}"));
        assert_eq!(
            answer.starts_with("HTTP/1.1 200"),
            is_there,
            "{path}: {answer}"
        );
    }
}

#[test]
fn a_variable_that_names_no_topic_starts_nothing() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_emulator"));
    command.args(["--host-port", "127.0.0.1:0"]);
    let output = command.env("PUBSUB_PROJECT1", "shop,:billing").output();
    let text = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(text.contains("PUBSUB_PROJECT1"), "{text}");
    assert!(text.contains("PROJECT,TOPIC:SUBSCRIPTION"), "{text}");
}
