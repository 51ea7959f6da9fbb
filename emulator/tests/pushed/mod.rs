//! Random answers to pushes, compared with a simple model of the number, order, times and results of pushes.

mod endpoint;
mod expected;
mod play;
mod script;

use std::sync::LazyLock;

use emulator::{Emulator, Pace};
use proptest::prelude::{ProptestConfig, Strategy};
use proptest::test_runner::{TestCaseResult, TestRunner};
use tokio::runtime::{Builder, Runtime};

use self::play::{play, play_with};
use self::script::{interference, script};
use crate::harness::emulator;

/// The emulators of all cases. Each case has its own project. The paused clock advances when all tasks wait.
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

/// More cases: `PROPTEST_CASES=2000 cargo nextest run -p pushgate-emulator pushed`.
fn check<S: Strategy>(
    strategy: &S,
    cases: u32,
    test: impl Fn(&Runtime, &Emulator, S::Value) -> TestCaseResult,
    is_eager: impl Fn(&S::Value) -> bool,
) {
    let Scene {
        runtime,
        eager,
        googles,
    } = &*SCENE;
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::with_cases(cases)
    };
    let result = TestRunner::new(config).run(strategy, |script| {
        let emulator = if is_eager(&script) { eager } else { googles };
        test(runtime, emulator, script)
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn every_message_is_pushed_as_often_as_its_answers_require() {
    check(
        &script(),
        100,
        |runtime, emulator, script| runtime.block_on(play(emulator, &script)),
        |script| script.declared.is_eager,
    );
}

#[test]
fn replayed_messages_are_pushed_in_order() {
    check(
        &(script(), interference()),
        50,
        |runtime, emulator, (script, interference)| {
            runtime.block_on(play_with(emulator, &script, interference))
        },
        |(script, _)| script.declared.is_eager,
    );
}
