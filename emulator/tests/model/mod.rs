//! Random operations compared with a simple model: no message is lost or invented.

mod declare;
mod expected;
mod operation;
mod play;
mod replayed;
mod stage;

use std::sync::LazyLock;

use emulator::Emulator;
use proptest::prelude::ProptestConfig;
use proptest::test_runner::{TestCaseResult, TestRunner};
use tokio::runtime::{Builder, Runtime};

use self::operation::{Script, script};
use self::play::play;
use self::stage::Stage;

/// The emulator of all cases. Each case has its own project. The clock only advances on request.
static SCENE: LazyLock<(Runtime, Emulator)> = LazyLock::new(|| {
    let runtime = paused();
    let emulator = runtime.block_on(Emulator::start()).unwrap();
    (runtime, emulator)
});

fn paused() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// More cases: `PROPTEST_CASES=5000 cargo nextest run -p pushgate-emulator model`.
fn check(config: ProptestConfig, test: impl Fn(Script) -> TestCaseResult) {
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..config
    };
    if let Err(failure) = TestRunner::new(config).run(&script(), test) {
        panic!("{failure}");
    }
}

#[test]
fn a_subscription_does_what_the_model_does() {
    let (runtime, emulator) = &*SCENE;
    let _inside = runtime.enter();
    check(ProptestConfig::default(), |script| {
        play(Stage::Shared(emulator), &script)
    });
}

#[test]
fn a_subscription_does_what_the_model_does_over_restarts() {
    let runtime = paused();
    let _inside = runtime.enter();
    let config = ProptestConfig::default();
    let cases = config.cases / 4;
    check(ProptestConfig { cases, ..config }, |script| {
        play(Stage::own(&runtime), &script)
    });
}
