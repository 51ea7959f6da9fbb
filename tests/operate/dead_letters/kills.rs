//! A replay that is killed.

use std::time::Duration;

use rand::Rng as _;

use super::{ID, dead_letters, forwarded, prepared, run, service};
use crate::harness::probe::task;
use crate::harness::process::Process;

const KILLS: usize = 100;
/// The dead letters of each round: more than a round replays before its kill, in most rounds.
const LETTERS: usize = 40;

/// Kills the command a hundred times, after a few audit lines and a moment, and continues it each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_killed_loses_nothing_and_runs_nothing_twice() {
    let service = service().await;
    let arguments = ["replay", ID, "--all", "--yes", "--rate", "10000"];
    let mut ids = Vec::new();
    let mut kills = 0;
    while kills < KILLS {
        while dead_letters(&service).len() < LETTERS {
            ids.push(forwarded(&service, task::SUCCEED));
        }
        let lines = rand::rng().random_range(0..6);
        let moment = Duration::from_micros(rand::rng().random_range(0..10_000));
        let mut process = Process::start(prepared(&service, &arguments));
        let printed = process.printed();
        let is_killed = tokio::select! {
            _ = process.exit() => false,
            () = async {
                while printed.borrow().len() < lines {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                tokio::time::sleep(moment).await;
            } => true,
        };
        if is_killed {
            process.signal("-KILL").await;
            process.exit().await;
            kills += 1;
        }
        // The leases of the killed command end.
        service.google.emulator.advance(Duration::from_secs(30));
    }
    let rest = run(&service, &arguments).await;
    assert_eq!(rest.code, Some(0), "{}", rest.stderr);
    assert!(dead_letters(&service).is_empty());
    for id in ids {
        assert_eq!(service.probe.runs_of(&id), 1, "{id}");
    }
}
