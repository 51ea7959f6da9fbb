//! A process that is killed while it writes loses none of its confirmed writes.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::Builder;

use super::model::Model;
use super::{Folder, any_change};
use crate::journal::{Change, Journal, Saved};

const ROUNDS: u64 = 50;
/// The most pending writes of a child.
const UNDER_WAY: usize = 16;

/// The changes of a round, the same in parent and child.
struct Writes(SmallRng);

impl Writes {
    fn of_round(round: u64) -> Self {
        Self(SmallRng::seed_from_u64(round))
    }
}

impl Iterator for Writes {
    type Item = Vec<Change>;

    fn next(&mut self) -> Option<Vec<Change>> {
        let count = self.0.random_range(1..6);
        Some((0..count).map(|_| any_change(&mut self.0)).collect())
    }
}

#[test]
fn a_kill_while_writing_loses_nothing_that_was_promised() {
    let folder = Folder::new("crash");
    let mut random = SmallRng::seed_from_u64(7);
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut model = Model::default();
    let mut promised_in_all = 0;
    for round in 0..ROUNDS {
        let promised = kill_after(folder.path(), round, random.random_range(0..60));
        promised_in_all += promised;
        let (journal, saved) = folder.open();
        model = state_of(&model, round, promised, &saved);
        // The next child needs the folder.
        runtime.block_on(journal.close()).unwrap();
    }
    assert!(
        promised_in_all > 500,
        "only {promised_in_all} writes were promised"
    );
}

/// Runs a child until it has confirmed this many writes, kills it, and returns the number of all confirmed writes.
fn kill_after(folder: &Path, round: u64, writes: usize) -> usize {
    let (mut child, output) = start(folder, round);
    let mut promised = 0;
    let mut is_killed = writes == 0;
    if is_killed {
        child.kill().unwrap();
    }
    // Writes that are still in the pipe were confirmed as well.
    for line in output.lines().map_while(Result::ok) {
        let Some(number) = line.strip_prefix("durable ") else {
            continue;
        };
        promised = number.parse().unwrap();
        if promised >= writes && !is_killed {
            child.kill().unwrap();
            is_killed = true;
        }
    }
    assert!(
        !child.wait().unwrap().success(),
        "the child ended by itself"
    );
    promised
}

/// Starts this test binary as a process that only writes.
fn start(folder: &Path, round: u64) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "journal::tests::crash::child",
            "--ignored",
            "--nocapture",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{round}\n{}", folder.display()).unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

#[test]
#[ignore = "the child that is killed; it writes for ever"]
fn child() {
    let lines: Vec<_> = std::io::stdin().lines().map_while(Result::ok).collect();
    let [round, folder] = lines.as_slice() else {
        return;
    };
    let (journal, _) = Journal::open(&PathBuf::from(folder)).unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut receipts = VecDeque::new();
        let mut promised = 0;
        for changes in Writes::of_round(round.parse().unwrap()) {
            receipts.push_back(journal.write(changes));
            if receipts.len() < UNDER_WAY {
                continue;
            }
            receipts.pop_front().unwrap().durable().await.unwrap();
            promised += 1;
            // Not through libtest, which would buffer it.
            writeln!(std::io::stdout(), "durable {promised}").unwrap();
        }
    });
}

/// Checks the state that was found: that after all confirmed writes, or after some of the pending ones, but always after
/// whole writes.
fn state_of(before: &Model, round: u64, promised: usize, found: &Saved) -> Model {
    let mut model = before.clone();
    let mut writes = Writes::of_round(round);
    let mut apply = |model: &mut Model| {
        let changes = writes.next().unwrap();
        changes.into_iter().for_each(|change| model.apply(change));
    };
    (0..promised).for_each(|_| apply(&mut model));
    // A further write may have been confirmed without a line in the pipe.
    for _ in 0..=UNDER_WAY {
        if model.saved() == *found {
            return model;
        }
        apply(&mut model);
    }
    panic!("round {round}: not a state after {promised} writes or up to {UNDER_WAY} more");
}
