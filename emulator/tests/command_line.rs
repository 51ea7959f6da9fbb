//! The command line of the emulator, and its output.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running command, killed when dropped.
struct Running {
    child: Child,
    /// The lines of stdout, for a shell.
    exports: Vec<String>,
    /// The lines of stderr, for people.
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Running {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = command(arguments, environment).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let exports = output.lines().take(2).map(Result::unwrap).collect();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            exports,
            lines,
        }
    }

    /// Returns the lines up to and including one that contains these words.
    fn until(&mut self, words: &str) -> Vec<String> {
        let mut found = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            let is_last = line.contains(words);
            found.push(line);
            if is_last {
                return found;
            }
        }
        panic!("{words:?} did not come after {found:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_emulator"));
    command
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Returns the error of a command that does not start.
fn rejected(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = command(arguments, environment).output().unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    String::from_utf8(output.stderr).unwrap()
}

const FREE: [&str; 2] = ["--host-port", "127.0.0.1:0"];

#[test]
fn what_a_shell_needs_is_printed_first() {
    let arguments = [&FREE[..], &["--project", "shop", "--seed", "1234"]].concat();
    // The variable that clients read does not set the listening address.
    let elsewhere = [("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")];
    let mut running = Running::start(&arguments, &elsewhere);
    let address = running.exports[0].strip_prefix("export PUBSUB_EMULATOR_HOST=127.0.0.1:");
    let port = address.unwrap().to_owned();
    assert_ne!(port, "1");
    assert_eq!(running.exports[1], "export PUBSUB_PROJECT_ID=shop");
    let text = running.until("Server started");
    assert!(text[1].ends_with("/oauth2/v3/certs"), "{text:?}");
    assert_eq!(text[2], "faults are decided by --seed 1234");
    assert!(text[3].ends_with("/console/"), "{text:?}");
    assert_eq!(text[4], format!("Server started, listening on {port}"));
}

#[test]
fn the_output_has_nothing_but_commands() {
    let mut child = command(&FREE, &[]).spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let started = log
        .lines()
        .map(Result::unwrap)
        .find(|line| line.contains("started"));
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(started.is_some());
    assert_eq!(output.lines().count(), 2, "{output}");
    assert!(output.lines().all(|line| line.starts_with("export ")));
}

#[test]
fn the_exported_project_is_that_of_the_files() {
    let file = std::env::temp_dir().join(format!("emulator-project-{}.yaml", std::process::id()));
    std::fs::write(&file, "{project: shop, topics: {orders: {}}}").unwrap();
    let bootstrap = ["--bootstrap", file.to_str().unwrap()];
    for (given, expected) in [(&[][..], "shop"), (&["--project", "mine"], "mine")] {
        let running = Running::start(&[&FREE[..], &bootstrap, given].concat(), &[]);
        let expected = format!("export PUBSUB_PROJECT_ID={expected}");
        assert_eq!(running.exports[1], expected);
    }
    let running = Running::start(&FREE, &[]);
    assert_eq!(running.exports[1], "export PUBSUB_PROJECT_ID=local");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn resources_of_a_file_are_created() {
    let shop = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/shop.yaml");
    let arguments = [&FREE[..], &["--project", "shop", "--bootstrap", shop]].concat();
    let mut running = Running::start(&arguments, &[]);
    let text = running.until("published");
    for line in [
        "created projects/shop/topics/orders",
        "created projects/shop/subscriptions/orders-fulfilment",
        "note: topic orders-dead-letter is in no file: it is added for dead letters, with a subscription of this name that keeps them",
        "published 2 messages",
    ] {
        assert!(text.iter().any(|each| each == line), "{line}: {text:?}");
    }
}

#[test]
fn a_file_that_is_wrong_starts_nothing() {
    let file = std::env::temp_dir().join(format!("emulator-wrong-{}.yaml", std::process::id()));
    std::fs::write(&file, "topics:\n  orders:\n    label: {}\n").unwrap();
    let path = file.to_str().unwrap();
    let text = rejected(&[&FREE[..], &["--bootstrap", path]].concat(), &[]);
    let expected = format!("{path}:3:5: unknown key \"label\", did you mean \"labels\"?");
    assert!(text.contains(&expected), "{text}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn settings_without_effect_are_named_or_rejected() {
    let file = std::env::temp_dir().join(format!("emulator-effect-{}.yaml", std::process::id()));
    let text = "{project: shop, topics: {orders: {subscriptions: {sales: {bigqueryConfig: {}, tags: {1/a: b}}}}}}";
    std::fs::write(&file, text).unwrap();
    let arguments = [&FREE[..], &["--bootstrap", file.to_str().unwrap()]].concat();
    let mut running = Running::start(&arguments, &[]);
    let text = running.until("Server started").join("\n");
    let expected = "these settings are stored and have no effect here; --strict rejects them \
        resource=projects/shop/subscriptions/sales settings=\"bigqueryConfig, tags\"";
    assert_eq!(text.matches(expected).count(), 1, "{text}");
    let text = rejected(&[&arguments[..], &["--strict"]].concat(), &[]);
    let expected = "The emulator does not act upon Subscription.bigqueryConfig: messages are pushed or pulled only";
    assert!(text.contains(expected), "{text}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_topic_is_created_on_first_use_if_asked_for() {
    let mut running = Running::start(&[&FREE[..], &["--create"]].concat(), &[]);
    let address = running.exports[0].strip_prefix("export PUBSUB_EMULATOR_HOST=");
    let mut client = TcpStream::connect(address.unwrap()).unwrap();
    let request = b"GET /v1/projects/shop/topics/orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    client.write_all(request).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let log = running.until("created on first use");
    let expected = "created on first use, because of --create resource=projects/shop/topics/orders";
    assert!(log.last().unwrap().ends_with(expected), "{log:?}");
}

#[test]
fn a_taken_port_is_explained_by_the_flag_that_decides_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = rejected(&["--host-port", &address], &[]);
    assert!(
        text.contains(&format!("--host-port {address} is taken")),
        "{text}"
    );
    let text = rejected(&["--host-port", "8085"], &[]);
    assert!(text.contains("expected HOST:PORT"), "{text}");
    // An address for documentation, which no machine has.
    let text = rejected(&["--host-port", "192.0.2.1:0", "--allow-remote"], &[]);
    assert!(
        text.contains("--host-port 192.0.2.1:0 is no address of this machine"),
        "{text}"
    );
}

#[test]
fn an_address_that_others_reach_must_be_asked_for() {
    let everywhere = ["--host-port", "0.0.0.0:0"];
    let text = rejected(&everywhere, &[]);
    assert!(text.contains("or set --allow-remote"), "{text}");
    let text = rejected(&everywhere, &[("K_SERVICE", "shop")]);
    assert!(
        text.contains("this seems to be Cloud Run (K_SERVICE is set)"),
        "{text}"
    );
    let running = Running::start(&FREE, &[("K_SERVICE", "shop")]);
    assert!(running.exports[0].starts_with("export PUBSUB_EMULATOR_HOST=127.0.0.1:"));
}

#[test]
fn in_a_container_everything_names_the_public_url() {
    let public = ["--public-url", "http://emulator:8085/"];
    let mut running = Running::start(&[&FREE[..], &public].concat(), &[]);
    let exported = "export PUBSUB_EMULATOR_HOST=emulator:8085";
    assert_eq!(running.exports[0], exported);
    let text = running.until("console");
    assert_eq!(text[0], "issuer of push tokens: http://emulator:8085");
    assert_eq!(text[1], "its keys: http://emulator:8085/oauth2/v3/certs");
    let path = ["--public-url", "http://emulator:8085/pubsub"];
    let text = rejected(&[&FREE[..], &path].concat(), &[]);
    assert!(text.contains("not of the form http://HOST:PORT"), "{text}");
}

#[test]
fn flags_that_would_have_no_effect_are_rejected() {
    for (arguments, words) in [
        (
            &["--faults", "[0.5]"][..],
            "invalid type: sequence, expected an object",
        ),
        (
            &["--push-to", "http://127.0.0.1:8080"][..],
            "--bootstrap <FILE>",
        ),
        (
            &["--seed", "9007199254740992"],
            "9007199254740992 is not in",
        ),
        (
            &["--history", "18446744073709551615"],
            "expected a number of messages, up to 1000000",
        ),
        (&["--project", "my shop"], "expected letters, digits"),
        (&["--eager", "--pace", "google"], "cannot be used with"),
        (&["--log", "loud"], "\"loud\" is neither a level"),
    ] {
        let text = rejected(&[&FREE[..], arguments].concat(), &[]);
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn the_help_has_an_example_for_a_newcomer() {
    let output = command(&["--help"], &[]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for words in [
        "emulator --project shop --bootstrap shop.yaml",
        "--host-port <HOST:PORT>",
        "[default: 127.0.0.1:8085]",
        "[default: 2000]",
        "Clients find the emulator by\nPUBSUB_EMULATOR_HOST",
    ] {
        assert!(help.contains(words), "{words}: {help}");
    }
}

/// Returns an endpoint that rejects its first push, accepts the second, and reports it.
fn rejecting_once() -> (String, std::sync::mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (taken, waits) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for status in ["500 No", "204 Yes"] {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream);
            let answer =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
        }
        taken.send(()).unwrap();
    });
    (url, waits)
}

/// Reads a JSON request.
fn read_request(stream: &mut TcpStream) {
    let mut read = Vec::new();
    while !read.ends_with(b"}") {
        let mut some = [0; 4096];
        let length = stream.read(&mut some).unwrap();
        read.extend_from_slice(&some[..length]);
    }
}

/// Returns a file with a topic, a message and a subscription that pushes to this endpoint.
fn shop_of(endpoint: &str) -> std::path::PathBuf {
    let name = format!("emulator-{}.yaml", endpoint.replace(['/', ':'], ""));
    let file = std::env::temp_dir().join(name);
    let declared = format!(
        "topics: {{orders: {{subscriptions: {{billing: {{push: '{endpoint}'}}}}, messages: [{{text: hi}}]}}}}"
    );
    std::fs::write(&file, declared).unwrap();
    file
}

#[test]
fn the_log_shows_the_end_of_a_failure() {
    let (endpoint, _taken) = rejecting_once();
    let shop = shop_of(&format!("{endpoint}push?token=secret"));
    let path = shop.to_str().unwrap();
    let mut running = Running::start(&[&FREE[..], &["--bootstrap", path]].concat(), &[]);
    let failed = running.until("a push failed").pop().unwrap();
    let shown = format!("endpoint=\"{endpoint}push\"");
    assert!(failed.contains(&shown), "{failed}");
    running.until("pushes are acked again");
    std::fs::remove_file(shop).unwrap();
}

#[test]
fn pushing_goes_on_when_nobody_reads_the_log_or_the_output() {
    let (endpoint, taken) = rejecting_once();
    let shop = shop_of(&endpoint);
    let path = shop.to_str().unwrap();
    let arguments = [&FREE[..], &["--eager", "--bootstrap", path]].concat();
    let mut child = command(&arguments, &[]).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    let taken = taken.recv_timeout(Duration::from_secs(60));
    assert_eq!(child.try_wait().unwrap(), None, "the emulator ended");
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(shop).unwrap();
    taken.expect("the message was not pushed again");
}

#[test]
fn a_client_with_tls_is_logged_once() {
    let mut running = Running::start(&FREE, &[]);
    // The exports are printed first, so a client may connect before the rest is printed.
    running.until("Server started");
    let address = running.exports[0].rsplit_once('=').unwrap().1.to_owned();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(b"\x16\x03\x01\x00\x05hello").unwrap();
        stream.read_to_end(&mut Vec::new()).ok();
    }
    running.until("a client speaks TLS, and this port is plain");
    running.child.kill().unwrap();
    let rest: Vec<String> = running.lines.by_ref().map(Result::unwrap).collect();
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn a_rejected_call_is_logged_with_the_missing_name() {
    let arguments = [&FREE[..], &["--log", "emulator=debug"]].concat();
    let mut running = Running::start(&arguments, &[]);
    let address = running.exports[0].rsplit_once('=').unwrap().1.to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let request = format!(
        "GET /v1/projects/shopp/topics/orders HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    running.until("there is no such resource resource=projects/shopp/topics/orders");
    let rejected = running.until("a call was rejected").pop().unwrap();
    assert!(
        rejected.contains("method=GET path=\"/v1/projects/shopp/topics/orders\" status=404"),
        "{rejected}"
    );
}

#[test]
fn it_ends_well_when_asked_to_as_googles_is() {
    let mut running = Running::start(&FREE, &[]);
    running.until("Server started");
    let address = running.exports[0].rsplit_once('=').unwrap().1.to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let request =
        format!("POST /shutdown HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(running.child.wait().unwrap().success());
}

#[test]
fn a_project_is_what_the_api_takes_for_one() {
    let project = ["--project", "example.com:my_project"];
    let running = Running::start(&[&FREE[..], &project].concat(), &[]);
    let exported = "export PUBSUB_PROJECT_ID=example.com:my_project";
    assert_eq!(running.exports[1], exported);
    let text = rejected(&["--project", "my project"], &[]);
    assert!(
        text.contains("expected letters, digits or any of -_:."),
        "{text}"
    );
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let empty = [
        ("K_SERVICE", ""),
        ("KUBERNETES_SERVICE_HOST", ""),
        ("SSL_CERT_FILE", ""),
    ];
    let text = rejected(&["--host-port", "0.0.0.0:0"], &empty);
    assert!(text.contains("or set --allow-remote"), "{text}");
    assert!(!text.contains("this seems to be"), "{text}");
    let running = Running::start(&FREE, &empty);
    let environment = format!("/proc/{}/environ", running.child.id());
    let environment = std::fs::read_to_string(environment).unwrap();
    assert!(environment.contains("K_SERVICE="), "{environment}");
    assert!(!environment.contains("SSL_CERT_FILE"), "{environment}");
}

#[test]
fn the_exit_code_is_the_same_if_nobody_reads() {
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["--no-such-flag"], 2),
        (&["--bootstrap", "/nowhere.yaml"], 1),
        (&["--host-port", "0.0.0.0:0"], 1),
    ] {
        let (reader, output) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command(arguments, &[]);
        command.stdout(output.try_clone().unwrap()).stderr(output);
        assert_eq!(
            command.status().unwrap().code(),
            Some(code),
            "{arguments:?}"
        );
    }
    let (reader, output) = std::io::pipe().unwrap();
    drop(reader);
    let mut running = command(&[&FREE[..], &["--log", "trace"]].concat(), &[])
        .stdout(output)
        .spawn()
        .unwrap();
    let log = BufReader::new(running.stderr.take().unwrap()).lines();
    let mut log = log.map(Result::unwrap);
    assert!(log.any(|line| line.contains("Server started")));
    drop(log);
    let terminated = Command::new("kill").arg(running.id().to_string()).status();
    assert!(terminated.unwrap().success());
    assert!(running.wait().unwrap().success());
}

#[test]
fn with_tls_the_exports_are_those_of_clients_with_tls() {
    let file = std::env::temp_dir().join(format!("emulator root's {}.pem", std::process::id()));
    let name = file.to_str().unwrap();
    let mut child = command(&[&FREE[..], &["--tls", name]].concat(), &[]);
    let mut child = child.spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap()).lines();
    let log: Vec<String> = log.map(Result::unwrap).take(6).collect();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let certificate = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(log[4], format!("certificate to trust: {name}"));
    assert!(log[5].starts_with("Server started"), "{log:?}");
    let exports = String::from_utf8(output.stdout).unwrap();
    let endpoint = "export CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=https://127.0.0.1:";
    assert!(exports.starts_with(endpoint), "{exports}");
    assert!(!exports.contains("PUBSUB_EMULATOR_HOST"), "{exports}");
    let shell = format!("{exports}\nprintf %s \"$GRPC_DEFAULT_SSL_ROOTS_FILE_PATH\"");
    let read = Command::new("sh").args(["-c", &shell]).output().unwrap();
    assert_eq!(String::from_utf8(read.stdout).unwrap(), name);
}

#[test]
fn flags_of_tls_that_do_not_fit_are_rejected() {
    let missing = rejected(&[&FREE[..], &["--tls", "/none/root.pem"]].concat(), &[]);
    assert!(missing.contains("--tls /none/root.pem cannot be written"));
    let keyless = rejected(&[&FREE[..], &["--tls-cert", "own.pem"]].concat(), &[]);
    assert!(keyless.contains("--tls-key"), "{keyless}");
    let url = ["--tls", "root.pem", "--public-url", "http://emulator:8085"];
    let plain = rejected(&[&FREE[..], &url].concat(), &[]);
    assert!(plain.contains("with TLS https://HOST:PORT"), "{plain}");
}
