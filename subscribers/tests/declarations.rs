//! The service's declarations as a whole.

use std::process::Command;

#[test]
fn the_declarations_keep_all_rules_of_check() {
    let mut pushgate = Command::new(env!("CARGO_BIN_EXE_pushgate"));
    let checked = pushgate
        .args(["check", "--strict"])
        .output()
        .expect("pushgate starts");
    let findings = String::from_utf8_lossy(&checked.stdout);
    assert!(
        checked.status.success(),
        "{findings}{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}
