//! The repository itself, and copies of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of this repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
}

/// A copy of some of its files.
pub(crate) struct Copy {
    pub(crate) root: PathBuf,
    stays: bool,
}

impl Copy {
    /// Copies the files below `parts` into a new folder, which is removed with the copy.
    pub(crate) fn of(parts: &[&str]) -> Self {
        let root = std::env::temp_dir().join(format!("pushgate-{}", uuid::Uuid::new_v4()));
        let copy = Self { root, stays: false };
        copy.take(|path| parts.iter().any(|part| Path::new(path).starts_with(part)));
        copy
    }

    /// Copies all files into a folder that stays. Unchanged files are not written, so that nothing is built twice.
    pub(crate) fn kept(root: PathBuf) -> Self {
        let copy = Self { root, stays: true };
        let files = copy.take(|_| true);
        for path in copy.files() {
            if !files.contains(&path) {
                fs::remove_file(copy.root.join(&path)).expect("removed");
            }
        }
        copy
    }

    /// The files of a folder that stays.
    pub(crate) fn at(root: PathBuf) -> Self {
        fs::create_dir_all(&root).expect("a folder");
        Self { root, stays: true }
    }

    /// Makes the files those of another folder. Unchanged files are not written, so that nothing is built twice.
    pub(crate) fn follow(&self, other: &Self) {
        let files = other.files();
        for path in &files {
            let bytes = fs::read(other.root.join(path)).expect("a file");
            if fs::read(self.root.join(path)).ok().as_ref() != Some(&bytes) {
                self.put(path, &bytes);
            }
        }
        for path in self.files().difference(&files) {
            fs::remove_file(self.root.join(path)).expect("removed");
        }
    }

    fn take(&self, is_wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let files: BTreeSet<String> = listed(root())
            .into_iter()
            .filter(|path| is_wanted(path) && root().join(path).is_file())
            .collect();
        for path in &files {
            let bytes = fs::read(root().join(path)).expect("a file");
            if fs::read(self.root.join(path)).ok().as_ref() != Some(&bytes) {
                self.put(path, &bytes);
            }
        }
        files
    }

    pub(crate) fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, bytes).expect("written");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).expect(path)
    }

    /// Returns all files, relative to its root.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let (mut files, mut folders) = (BTreeSet::new(), vec![self.root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let inside = path.strip_prefix(&self.root).expect("inside");
                    files.insert(inside.to_str().expect("text").to_owned());
                }
            }
        }
        files
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.stays {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

/// Returns the files that git tracks or would add.
fn listed(root: &Path) -> Vec<String> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let list = String::from_utf8(output.stdout).expect("text");
    list.split_terminator('\0').map(str::to_owned).collect()
}
