//! The floors that ARCHITECTURE.md lists from the top: a room uses rooms on lower floors only, or on its own.

use std::collections::BTreeSet;

use crate::graph::Crate;
use crate::layout::room_in;

/// Columns of ARCHITECTURE.md that name rooms; what they are for stands behind.
const NAMES: usize = 56;

#[test]
fn the_library_uses_no_higher_floor() {
    check(&crate::library(), &floors("src/"));
}

#[test]
fn the_emulator_uses_no_higher_floor() {
    check(&crate::emulator(), &floors("emulator/src/"));
}

/// The rooms of each floor below this folder in ARCHITECTURE.md, from the top.
fn floors(folder: &str) -> Vec<Vec<String>> {
    let plan = std::fs::read_to_string(crate::root().join("ARCHITECTURE.md")).expect("the plan");
    let (_, block) = plan.split_once(&format!("\n{folder} ")).expect(folder);
    let (block, _) = block.split_once("```").expect("its end");
    let rooms = |line: &str| {
        let names = line.chars().take(NAMES).collect::<String>();
        let rooms = names
            .split_whitespace()
            .map(|name| name.trim_end_matches('/'));
        rooms.map(str::to_owned).collect()
    };
    block.lines().skip(1).map(rooms).collect()
}

fn check(checked: &Crate, floors: &[Vec<String>]) {
    let floor_of = |room: &str| {
        floors
            .iter()
            .position(|rooms| rooms.iter().any(|one| one == room))
    };
    let rooms = checked.files().filter_map(|(file, _)| room_in("", file));
    let rooms: BTreeSet<&str> = rooms
        .filter(|room| !["lib", "main"].contains(room))
        .collect();
    let mut faults: Vec<String> = rooms
        .into_iter()
        .filter(|room| floor_of(room).is_none())
        .map(|room| format!("{room} stands on no floor"))
        .collect();
    for one in checked.uses() {
        let floors = [&one.from, &one.to].map(|file| room_in("", file).and_then(&floor_of));
        if floors[0] > floors[1] {
            faults.push(format!("{one}, on a higher floor"));
        }
    }
    crate::expect_none(&faults);
}
