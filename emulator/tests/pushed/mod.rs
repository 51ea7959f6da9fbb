//! Random answers to pushes against a simple expectation: who is pushed how often, in which order, when, and to what end.

mod endpoint;
mod expected;
mod play;
mod script;

use std::sync::LazyLock;

use emulator::{Emulator, Pace};
use proptest::prelude::ProptestConfig;
use proptest::test_runner::TestRunner;
use tokio::runtime::{Builder, Runtime};

use self::play::play;
use self::script::script;
use crate::harness::emulator;

/// The emulators of all cases; each case has a project of its own. Time jumps whenever everything waits.
static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let start = |pace| runtime.block_on(async move { emulator(pace) });
    Scene {
        eager: start(Pace::Eager),
        googles: start(Pace::Google),
        runtime,
    }
});

struct Scene {
    runtime: Runtime,
    eager: Emulator,
    googles: Emulator,
}

/// More cases: `PROPTEST_CASES=2000 cargo nextest run -p emulator pushed`.
#[test]
fn every_message_is_pushed_as_often_as_its_answers_ask_for_and_no_more() {
    let Scene {
        runtime,
        eager,
        googles,
    } = &*SCENE;
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::with_cases(100)
    };
    let result = TestRunner::new(config).run(&script(), |script| {
        let emulator = if script.declared.is_eager {
            eager
        } else {
            googles
        };
        runtime.block_on(play(emulator, &script))
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
