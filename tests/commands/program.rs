//! A program of another name, as in another repository.

use tokio::process::Command;

use crate::harness::process::{ended, pushgate};
use crate::harness::repository::Copy;

#[tokio::test]
async fn help_and_hints_have_the_name_of_the_program() {
    let folder = Copy::of(&["Cargo.toml"]);
    let program = folder.root.join("shop");
    std::os::unix::fs::symlink(pushgate(), &program).expect("a link");
    let shop = async |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(&folder.root);
        let ended = ended(command).await;
        format!("{}{}", ended.stdout, ended.stderr)
    };
    let version = shop(&["--version"]).await;
    assert!(version.starts_with("shop "), "{version}");
    let help = shop(&["publish", "--help"]).await;
    assert!(help.contains("Usage: shop publish <TOPIC>"), "{help}");
    assert!(!help.contains("pushgate publish"), "{help}");
    let stale = shop(&["generate", "--check", "--root", "."]).await;
    assert!(
        stale.contains("shop: ") && stale.contains("run `shop generate`"),
        "{stale}"
    );
}
