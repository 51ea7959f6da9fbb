//! The files that are written, kept and compared.

use serde_json::Value;

use super::{DERIVED, generate};
use crate::harness::process::{command, ended};
use crate::harness::repository::{Copy, root};

#[tokio::test]
async fn the_files_in_the_repository_are_what_generate_writes() {
    let ended = generate(root(), &["--check"]).await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.stderr, "");
}

#[tokio::test]
async fn generate_writes_the_same_files_in_any_folder() {
    let copy = Copy::of(&["Cargo.toml"]);
    copy.put(
        "m2m/README.md",
        std::fs::read(root().join("m2m/README.md")).expect("a file"),
    );
    let first = generate(&copy.root, &[]).await;
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    for path in copy.files() {
        let here = std::fs::read_to_string(root().join(&path)).expect(&path);
        assert_eq!(copy.read(&path), here, "{path}");
    }
}

#[tokio::test]
async fn a_second_generate_leaves_every_file_unchanged() {
    let copy = Copy::of(&DERIVED);
    let again = generate(&copy.root, &[]).await;
    assert!(
        again
            .stdout
            .lines()
            .all(|line| line.starts_with("unchanged  ")),
        "{}",
        again.stdout
    );
    assert!(again.stdout.lines().count() > 5, "{}", again.stdout);
}

#[tokio::test]
async fn it_finds_the_project_around_the_folder_it_is_called_in() {
    let mut inside = command(&["generate", "--check"]);
    inside.current_dir(root().join("m2m/src"));
    assert_eq!(ended(inside).await.code, Some(0));
    let mut outside = command(&["generate", "--check"]);
    outside.current_dir("/");
    let outside = ended(outside).await;
    assert_eq!(outside.code, Some(1));
    assert!(outside.stderr.contains("no Cargo.toml of the package \"subscribers\" from / upwards: run it inside the workspace, or name the package's folder by --root"), "{}", outside.stderr);
    let elsewhere = generate(&root().join("src"), &[]).await;
    assert!(
        elsewhere
            .stderr
            .contains("expected a folder with Cargo.toml"),
        "{}",
        elsewhere.stderr
    );
}

#[tokio::test]
async fn check_names_every_file_that_differs_without_writing() {
    let copy = Copy::of(&DERIVED);
    let tampered = [
        (
            "m2m/README.md",
            "Reserves stock for every paid order.",
            "Reserves \u{1b}[31mnothing.",
        ),
        ("m2m/asyncapi.yaml", "action: receive", "action: send"),
        (
            "terraform/subscriptions.auto.tfvars.json",
            "\"ack_deadline_seconds\": 60",
            "\"ack_deadline_seconds\": 61",
        ),
        ("docs/describe.schema.json", "draft-07", "draft-04"),
    ];
    for (path, from, to) in tampered {
        let text = copy.read(path);
        assert!(text.contains(from), "{path}");
        copy.put(path, text.replacen(from, to, 1));
    }
    std::fs::remove_file(copy.root.join("m2m/schemas/OrderPlaced.json")).expect("removed");
    copy.put("m2m/schemas/Gone.json", "{}");
    let before = copy.files();
    let ended = generate(&copy.root, &["--check"]).await;
    assert_eq!(ended.code, Some(1));
    for line in [
        "differs      m2m/README.md:",
        "Reserves \\u{1b}[31mnothing.",
        "differs      m2m/asyncapi.yaml:",
        "  found      \"    action: send\\n\"\n  expected   \"    action: receive\\n\"",
        "differs      terraform/subscriptions.auto.tfvars.json:",
        "differs      docs/describe.schema.json:2",
        "missing      m2m/schemas/OrderPlaced.json",
        "superfluous  m2m/schemas/Gone.json",
    ] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
    assert!(
        ended.stderr.contains("6 of the derived files")
            && ended.stderr.contains("run `pushgate generate`"),
        "{}",
        ended.stderr
    );
    assert_eq!(copy.files(), before);
    let generated = generate(&copy.root, &[]).await;
    assert!(
        generated
            .stdout
            .contains("removed    m2m/schemas/Gone.json"),
        "{}",
        generated.stdout
    );
    assert_eq!(generate(&copy.root, &["--check"]).await.code, Some(0));
    assert!(!copy.files().iter().any(|path| path.ends_with(".draft")));
}

#[tokio::test]
async fn a_release_records_the_message_types_as_they_are() {
    let copy = Copy::of(&DERIVED);
    std::fs::remove_dir_all(copy.root.join("m2m/released")).expect("removed");
    let ended = generate(&copy.root, &["--release"]).await;
    assert!(
        ended
            .stdout
            .contains("released   m2m/released/OrderPlaced.json"),
        "{}",
        ended.stdout
    );
    let (released, current) = (
        "m2m/released/OrderPlaced.json",
        "m2m/schemas/OrderPlaced.json",
    );
    let parsed = |path: &str| serde_json::from_str::<Value>(&copy.read(path)).expect("JSON");
    assert_eq!(parsed(released), parsed(current));
    let both = generate(&copy.root, &["--release", "--check"]).await;
    assert_eq!(both.code, Some(2));
}

#[tokio::test]
async fn files_keep_the_line_ends_that_git_gave_them() {
    let copy = Copy::of(&DERIVED);
    let files = copy.files();
    for path in &files {
        copy.put(path, copy.read(path).replace('\n', "\r\n"));
    }
    let fresh = generate(&copy.root, &["--check"]).await;
    assert_eq!(fresh.code, Some(0));
    assert_eq!(fresh.stdout, "");
    for path in [
        "m2m/README.md",
        "m2m/asyncapi.yaml",
        "terraform/subscriptions.auto.tfvars.json",
    ] {
        copy.put(
            path,
            copy.read(path).replacen("orders-fulfilment", "nothing", 1),
        );
    }
    let stale = generate(&copy.root, &["--check"]).await;
    assert_eq!(stale.code, Some(1));
    assert_eq!(
        stale.stdout.matches("differs").count(),
        3,
        "{}",
        stale.stdout
    );
    assert_eq!(generate(&copy.root, &[]).await.code, Some(0));
    for path in &files {
        let (here, text) = (std::fs::read(root().join(path)), copy.read(path));
        let unix = text.replace("\r\n", "\n");
        assert_eq!(unix.as_bytes(), here.expect("a file"), "{path}");
        assert_eq!(
            unix.replace('\n', "\r\n"),
            text,
            "{path} has mixed line ends"
        );
    }
}
