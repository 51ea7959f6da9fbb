//! The packages as they would be published, unpacked like a checkout: the emulator's in the folder `emulator`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::empty_folder;
use crate::harness::repository::{Copy, root};

fn run(command: &mut Command) {
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
}

/// Packs and unpacks them, and returns their folder, which stays.
pub(super) fn packages(target: &Path) -> PathBuf {
    let packed = target.join("packed");
    let _ = std::fs::remove_dir_all(packed.join("package"));
    run(Command::new(env!("CARGO"))
        .args([
            "package",
            "--quiet",
            "--offline",
            "--allow-dirty",
            "--no-verify",
        ])
        .args(["-p", "pushgate", "-p", "pushgate-emulator", "--target-dir"])
        .arg(&packed)
        .current_dir(root()));
    let unpacked = empty_folder();
    for (package, folder) in [("pushgate", ""), ("pushgate-emulator", "emulator")] {
        let folder = unpacked.root.join(folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let version = env!("CARGO_PKG_VERSION");
        let archive = packed.join(format!("package/{package}-{version}.crate"));
        run(Command::new("tar")
            .args(["--strip-components=1", "-xf"])
            .arg(archive)
            .arg("-C")
            .arg(folder));
    }
    let kept = Copy::at(target.join("pushgate"));
    kept.follow(&unpacked);
    kept.root.clone()
}
