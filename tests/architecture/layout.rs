//! Cycles among the files and folders of a folder. Its `mod.rs` is its face or its path, so it and what lies beside it may
//! use each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Use, cycle};

#[test]
fn the_library_has_no_import_cycle() {
    crate::expect_none(&cycles(&crate::library().uses()));
}

#[test]
fn the_emulator_has_no_import_cycle() {
    crate::expect_none(&cycles(&crate::emulator().uses()));
}

#[test]
fn a_cycle_of_folders_is_found() {
    let uses = [
        ("push/mod.rs", "delivery/run.rs"),
        ("delivery/claim/mod.rs", "push/reply.rs"),
    ];
    assert_eq!(cycles(&uses.map(named)).len(), 1);
}

#[test]
fn a_cycle_within_a_folder_is_found() {
    let uses = [
        ("dedup/redis/link.rs", "dedup/memory.rs"),
        ("dedup/memory.rs", "dedup/redis/url.rs"),
    ];
    assert_eq!(cycles(&uses.map(named)).len(), 1);
}

#[test]
fn a_face_may_use_what_lies_beside_it() {
    let uses = [
        ("dedup/mod.rs", "dedup/redis/link.rs"),
        ("dedup/redis/link.rs", "dedup/mod.rs"),
    ];
    assert_eq!(cycles(&uses.map(named)), Vec::<String>::new());
}

fn named((from, to): (&str, &str)) -> Use {
    Use {
        from: from.into(),
        line: 1,
        to: to.into(),
        path: "Name".into(),
    }
}

/// For each folder with a cycle, a shortest one.
fn cycles(uses: &[Use]) -> Vec<String> {
    let folders: BTreeSet<&str> = uses.iter().flat_map(|one| folders_of(&one.from)).collect();
    folders
        .into_iter()
        .filter_map(|folder| cycle_in(folder, uses))
        .collect()
}

/// `a/` and `a/b/` of `a/b/c.rs`, and the top, which is empty.
fn folders_of(file: &str) -> impl Iterator<Item = &str> {
    file.match_indices('/')
        .map(|(at, _)| &file[..=at])
        .chain([""])
}

fn cycle_in(folder: &str, uses: &[Use]) -> Option<String> {
    let mut between = BTreeMap::new();
    for one in uses {
        if let (Some(from), Some(to)) = (room_in(folder, &one.from), room_in(folder, &one.to))
            && from != to
        {
            between.entry((from, to)).or_insert(one);
        }
    }
    let rooms: Vec<(&str, &str)> = between.keys().copied().collect();
    let way = cycle(&rooms)?;
    let steps = way
        .windows(2)
        .map(|step| format!("\n  {}", between[&(step[0], step[1])]));
    Some(format!(
        "a cycle in {folder:?}: {}{}",
        way.join(" -> "),
        steps.collect::<String>()
    ))
}

/// The file or folder directly in a folder that holds this file, or `None` for another folder's, and for the face.
pub(crate) fn room_in<'a>(folder: &str, file: &'a str) -> Option<&'a str> {
    let inside = file.strip_prefix(folder)?;
    let room = inside.split('/').next()?;
    (room != "mod.rs").then(|| room.strip_suffix(".rs").unwrap_or(room))
}
