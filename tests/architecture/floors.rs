//! The floors of ARCHITECTURE.md, from the top: a room uses rooms on lower floors only, or on its own.

use std::collections::BTreeSet;

use crate::graph::Crate;
use crate::layout::room_in;

const LIBRARY: &[&[&str]] = &[
    &["commands"],
    &["generate", "check"],
    &["service", "publisher"],
    &["server", "config"],
    &["push"],
    &["delivery"],
    &["subscriber"],
    &["dedup", "handler", "telemetry"],
    &["loggable", "trace", "environment", "breaker"],
];

const EMULATOR: &[&[&str]] = &[
    &["command"],
    &["library"],
    &["api", "console"],
    &["broker"],
    &["delivery"],
    &["history"],
    &["push", "convert", "bootstrap"],
    &["messages"],
    &["schema", "faults", "journal"],
    &["resources"],
    &["filter", "iam", "issuer", "server"],
    &["clock", "error", "event", "object"],
];

#[test]
fn the_library_uses_no_higher_floor() {
    check(&crate::library(), LIBRARY);
}

#[test]
fn the_emulator_uses_no_higher_floor() {
    check(&crate::emulator(), EMULATOR);
}

fn check(checked: &Crate, floors: &[&[&str]]) {
    let floor_of = |room: &str| floors.iter().position(|rooms| rooms.contains(&room));
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
