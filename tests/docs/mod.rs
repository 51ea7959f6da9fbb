//! The pages for people: links, anchors and paths in them exist, and what they print is what the programs print.

mod alerts;
mod derived;
mod links;

use std::path::{Path, PathBuf};

use crate::harness::repository::root;

/// A page, by its path from the repository's root.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path)).expect(path);
        Self {
            path: path.into(),
            text,
        }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The code blocks of a language.
    fn blocks<'a>(&'a self, language: &'a str) -> impl Iterator<Item = &'a str> {
        let mut parts = self.text.split("\n```");
        parts.next();
        parts.step_by(2).filter_map(move |block| {
            let (info, code) = block.split_once('\n')?;
            (info == language).then_some(code)
        })
    }
}

/// The pages of the book.
fn book() -> Vec<Page> {
    let mut paths = Vec::new();
    collect(Path::new("docs"), &mut paths);
    let pages = paths.iter().map(|path| Page::read(path));
    pages.collect()
}

fn collect(folder: &Path, paths: &mut Vec<String>) {
    for entry in std::fs::read_dir(root().join(folder)).expect("a folder") {
        let path = folder.join(entry.expect("an entry").file_name());
        if root().join(&path).is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path.display().to_string());
        }
    }
}

/// The pages outside the book.
fn others() -> Vec<Page> {
    let paths = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "emulator/README.md",
        "m2m/README.md",
        "terraform/README.md",
    ];
    paths.map(Page::read).into()
}
