//! `pushgate new`: a small service in a folder outside the repository.

mod built;
mod packages;

use crate::harness::process::{Ended, command, ended};
use crate::harness::repository::{Copy, root};

/// An empty folder outside the repository.
fn empty_folder() -> Copy {
    let folder = Copy::of(&[]);
    std::fs::create_dir(&folder.root).expect("a folder");
    folder
}

/// Runs `pushgate new` in a folder.
async fn new(folder: &Copy, arguments: &[&str]) -> Ended {
    let mut new = command(&["new"]);
    new.args(arguments)
        .current_dir(&folder.root)
        .env("CARGO", env!("CARGO"));
    ended(new).await
}

#[tokio::test]
async fn a_new_service_uses_the_published_package_by_default() {
    let folder = empty_folder();
    let ended = new(&folder, &["shop"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let manifest = folder.read("shop/Cargo.toml");
    assert!(manifest.contains("pushgate = { version = \"0.1.0\", default-features = false }"));
    assert!(manifest.contains(
        "pushgate = { version = \"0.1.0\", default-features = false, features = [\"testing\"] }"
    ));
    for step in ["cd shop", "cargo test", "cargo run -- dev"] {
        assert!(ended.stdout.contains(step), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn a_new_service_uses_the_repository_that_is_named() {
    let folder = empty_folder();
    let url = "https://git.example.com/pushgate";
    let ended = new(&folder, &["shop", "--git", url]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let git = format!("{{ git = \"{url}\"");
    assert_eq!(folder.read("shop/Cargo.toml").matches(&git).count(), 2);
    let module = format!("source = \"git::{url}//terraform\"");
    assert!(folder.read("shop/terraform/main.tf").contains(&module));
}

#[tokio::test]
async fn a_new_service_leaves_no_placeholder() {
    let folder = empty_folder();
    assert_eq!(new(&folder, &["my-shop"]).await.code, Some(0));
    for path in folder.files() {
        assert!(!folder.read(&path).contains("{{"), "{path}");
    }
    assert!(
        folder
            .read("my-shop/src/main.rs")
            .contains("my_shop::service")
    );
}

#[tokio::test]
async fn a_folder_that_is_not_empty_is_left_alone() {
    let folder = empty_folder();
    folder.put("shop/notes", "mine");
    let ended = new(&folder, &["shop"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .contains("shop is not empty: choose another name"),
        "{}",
        ended.stderr
    );
    assert_eq!(Vec::from_iter(folder.files()), ["shop/notes"]);
}

#[tokio::test]
async fn a_path_without_a_checkout_is_refused() {
    let folder = empty_folder();
    let path = root().join("m2m");
    let ended = new(&folder, &["shop", "--path", path.to_str().expect("text")]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("expected a checkout of pushgate"),
        "{}",
        ended.stderr
    );
    assert!(folder.files().is_empty());
}
