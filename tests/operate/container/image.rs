//! The release binary in the empty root of the image: no privileges, no writable file, no shell.

use std::path::Path;

use crate::harness::authority::Authority;
use crate::harness::empty_root::{EmptyRoot, USER, libraries};
use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::official::option;
use crate::harness::process::{Process, settings};
use crate::harness::{AUDIENCE, CALLER, get, push_to, tls_key_server};

const ORDER: &str = r#"{"orderId":"A-1","customerEmail":"a@example.com","lines":[{"article":"teapot","quantity":1,"priceCents":1}]}"#;

/// Google's side, whose keys are served with TLS, by a certificate that only this root trusts.
struct Image {
    google: Google,
    root: EmptyRoot,
    settings: Vec<(&'static str, String)>,
    _authority: Authority,
}

impl Image {
    async fn new(store: &str) -> Self {
        let authority = Authority::new();
        let google = Google::start().await;
        let keys = get(google.keys_url()).await.expect("keys");
        let keys = keys.text().await.expect("keys");
        let keys_url = tls_key_server::serve(&authority, keys).await;
        let mut settings = settings(&google, store);
        settings.retain(|(name, _)| *name != "PUSHGATE_KEYS_URL");
        settings.push(("PUSHGATE_KEYS_URL", keys_url));
        Self {
            google,
            root: EmptyRoot::new(&authority.pem()),
            settings,
            _authority: authority,
        }
    }

    async fn serve(&self) -> (Process, String) {
        Process::listening(self.root.command(&["serve"]), &self.settings).await
    }

    async fn run(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = self.root.command(arguments);
        command.envs(self.settings.iter().map(|(name, value)| (*name, value)));
        let output = command.output().await.expect("unshare runs");
        let printed = String::from_utf8_lossy(&output.stderr);
        (output.status.success(), printed.into_owned())
    }
}

#[tokio::test]
#[ignore = "needs the release binary, which ./test builds"]
async fn the_image_serves_as_an_unprivileged_user() {
    let image = Image::new("memory:").await;
    let (mut process, url) = image.serve().await;
    let live = get(format!("{url}/health/live")).await.expect("an answer");
    assert_eq!(live.status().as_u16(), 200);

    let issuer = image.google.emulator.issuer();
    let message = TestMessage::new("orders-fulfilment", ORDER);
    let reply = push_to(&url, message.body(), &issuer.token(CALLER, AUDIENCE)).await;
    assert_eq!(reply.status, 204, "{}", reply.body);
    let other = Google::start().await;
    let token = other.emulator.issuer().token(CALLER, AUDIENCE);
    let reply = push_to(&url, message.body(), &token).await;
    assert_eq!(reply.status, 401, "{}", reply.body);

    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()));
    let status = status.expect("a process");
    let fact = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.expect(name).trim().to_owned()
    };
    assert_eq!(fact("CapEff:"), "0".repeat(16), "no rights");
    process.signal("-TERM").await;
    assert!(process.exit().await.success(), "{:?}", process.lines());
}

#[tokio::test]
#[ignore = "needs the release binary, which ./test builds"]
async fn nothing_of_the_image_can_be_written() {
    let mut image = Image::new("memory:").await;
    image.settings.push(("OUTBOX_DIR", "/outbox".into()));
    let (is_success, printed) = image.run(&["serve"]).await;
    assert!(
        !is_success && printed.contains("Read-only file system"),
        "{printed}"
    );
    let user = format!("USER {USER}:{USER}");
    assert!(include_str!("../../../Dockerfile").contains(&user));
}

#[tokio::test]
#[ignore = "needs the release binary, which ./test builds"]
async fn the_image_has_no_dev() {
    let image = Image::new("memory:").await;
    let (is_success, printed) = image.run(&["dev"]).await;
    assert!(
        !is_success && printed.contains("built without pushgate's feature"),
        "{printed}"
    );
    let (is_success, printed) = image.run(&["describe"]).await;
    assert!(is_success, "{printed}");
}

/// Keys fetched over TLS prove that the root's authorities are found; a root without them rejects the same server.
#[tokio::test]
#[ignore = "needs the release binary, which ./test builds"]
async fn only_the_authorities_in_the_image_are_trusted() {
    let mut image = Image::new("memory:").await;
    image.root = EmptyRoot::new(&Authority::new().pem());
    let (mut process, url) = image.serve().await;
    process
        .log(|line| line["message"] == "cannot fetch the issuer's signing keys")
        .await;
    let token = image.google.emulator.issuer().token(CALLER, AUDIENCE);
    let message = TestMessage::new("orders-fulfilment", ORDER);
    let reply = push_to(&url, message.body(), &token).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
}

/// Without credentials the store cannot answer, but the service starts and reports that.
#[tokio::test]
#[ignore = "needs the release binary, which ./test builds"]
async fn the_image_has_what_the_client_of_firestore_needs() {
    let mut image = Image::new("firestore://shop/pushgate").await;
    // There is no metadata server at this address.
    image
        .settings
        .push(("GCE_METADATA_HOST", "127.0.0.1:1".into()));
    let (mut process, _) = image.serve().await;
    let line = process.log(|line| line["message"] == "not ready").await;
    let reason = line["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("credentials") || reason.contains("metadata"),
        "{line}"
    );
}

/// The libraries of distroless/cc (packages libc6 and libgcc-s1).
#[test]
#[ignore = "needs the release binary, which ./test builds"]
fn the_binary_needs_no_library_that_the_image_lacks() {
    let needed = libraries(Path::new(&option("PUSHGATE_TEST_RELEASE")));
    let names: Vec<_> = needed
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .collect();
    assert!(!names.is_empty());
    for name in names {
        let is_there = ["libc.so.6", "libm.so.6", "libgcc_s.so.1"].contains(&name)
            || name.starts_with("ld-linux");
        assert!(is_there, "{name} is not in the base image");
    }
}
