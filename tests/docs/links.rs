//! Links, anchors, paths and lengths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::{Page, book, others};
use crate::harness::repository::root;
use crate::harness::text::Document;

/// The folders whose paths in inline code must exist.
const FOLDERS: [&str; 12] = [
    ".ci/",
    "benches/",
    "deploy/",
    "docs/",
    "emulator/",
    "examples/",
    "m2m/",
    "src/",
    "subscribers/",
    "terraform/",
    "tests/",
    "target/",
];

/// Removes `.` and `..`, as a browser does.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

fn is_external(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// The file that a link leads to, from the repository's root, and the anchor.
fn target<'a>(page: &Page, link: &'a str) -> (PathBuf, Option<&'a str>) {
    let (file, anchor) = match link.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (link, None),
    };
    if file.is_empty() {
        return (page.path.clone(), anchor);
    }
    let folder = page.path.parent().unwrap_or(Path::new(""));
    (normal(&folder.join(file)), anchor)
}

/// The fault of a link, if it has one.
fn fault(page: &Page, link: &str, documents: &BTreeMap<PathBuf, Document>) -> Option<String> {
    let (file, anchor) = target(page, link);
    if !root().join(&file).exists() {
        return Some(format!("{}: {link} leads nowhere", page.name()));
    }
    let anchor = anchor?;
    let is_there = documents
        .get(&file)
        .is_some_and(|document| document.anchors.contains(anchor));
    (!is_there).then(|| format!("{}: {link} names no heading", page.name()))
}

#[test]
fn every_link_leads_to_something() {
    let pages: Vec<Page> = book().into_iter().chain(others()).collect();
    let documents: BTreeMap<PathBuf, Document> = pages
        .iter()
        .map(|page| (page.path.clone(), Document::read(&page.text)))
        .collect();
    let faults: Vec<String> = pages
        .iter()
        .flat_map(|page| {
            let links = documents[&page.path].links.iter();
            let internal = links.filter(|link| !is_external(link));
            internal.filter_map(|link| fault(page, link, &documents))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_book_links_to_nothing_outside_itself() {
    for page in book() {
        for link in Document::read(&page.text).links {
            let (file, _) = target(&page, &link);
            assert!(
                is_external(&link) || file.starts_with("docs"),
                "{}: {link} is not in the book: name its path in code instead",
                page.name()
            );
        }
    }
}

#[test]
fn the_summary_lists_every_page_once() {
    let summary = Page::read("docs/SUMMARY.md");
    let listed: Vec<PathBuf> = summary
        .text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| Path::new("docs").join(link))
        .collect();
    let pages: BTreeSet<PathBuf> = book()
        .into_iter()
        .map(|page| page.path)
        .filter(|path| !path.ends_with("SUMMARY.md"))
        .collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), pages);
    assert_eq!(listed.len(), pages.len());
}

/// Inline code that looks like the path of a file or folder of the repository.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split('`').skip(1).step_by(2);
    code.filter(|code| FOLDERS.iter().any(|folder| code.starts_with(folder)))
        .filter(|code| {
            code.chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
        })
        .filter(|code| !code.starts_with("target/"))
}

#[test]
fn every_path_in_code_exists() {
    let outside = ["README.md", "ARCHITECTURE.md"].map(Page::read);
    for page in book().into_iter().chain(outside) {
        let prose: String = page.text.split("\n```").step_by(2).collect();
        for path in paths(&prose) {
            let is_made =
                page.text.contains("refunds_payment.rs") && path.ends_with("refunds_payment.rs");
            assert!(
                is_made || root().join(path).exists(),
                "{}: no {path}",
                page.name()
            );
        }
    }
}

#[test]
fn the_front_door_has_at_most_120_lines() {
    let lines = Page::read("README.md").text.lines().count();
    assert!(lines <= 120, "README.md has {lines} lines");
}

#[test]
fn the_plan_of_the_house_fits_one_screen() {
    let lines = Page::read("ARCHITECTURE.md").text.lines().count();
    assert!(lines <= 70, "ARCHITECTURE.md has {lines} lines");
}

#[test]
fn a_page_begins_with_what_its_reader_can_do_after_it() {
    for page in book() {
        let is_list = page.path.ends_with("SUMMARY.md") || page.path == Path::new("docs/README.md");
        let begins = page.text.lines().nth(2).unwrap_or_default();
        assert!(
            is_list || begins.starts_with("After this page "),
            "{}: {begins}",
            page.name()
        );
    }
}

#[test]
fn a_page_of_a_symptom_has_its_check_and_fix() {
    for page in book() {
        let is_symptom = page.path.starts_with("docs/run") && !page.path.ends_with("service.md");
        for part in ["## Symptom", "## Check", "fix"] {
            let text = page.text.replace("Fix", "fix");
            assert!(
                !is_symptom || text.contains(part),
                "{} lacks {part}",
                page.name()
            );
        }
    }
}

#[test]
fn a_page_of_more_than_two_screens_has_a_list_of_contents() {
    for page in book() {
        let is_short = page.text.lines().count() <= 80;
        assert!(
            is_short || page.text.contains("](#") || page.path.ends_with("SUMMARY.md"),
            "{} has {} lines",
            page.name(),
            page.text.lines().count()
        );
    }
}
