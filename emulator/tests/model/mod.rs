//! Random operations against a simple model: no message is lost, and none is invented.

mod expected;
mod operation;
mod play;

use std::sync::LazyLock;

use emulator::Emulator;
use proptest::prelude::ProptestConfig;
use proptest::test_runner::TestRunner;
use tokio::runtime::{Builder, Runtime};

use self::operation::script;
use self::play::play;

/// One emulator for all cases; each has a project of its own. Its time stands still unless it is moved.
static SCENE: LazyLock<(Runtime, Emulator)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let emulator = runtime.block_on(Emulator::start()).unwrap();
    (runtime, emulator)
});

/// More cases: `PROPTEST_CASES=5000 cargo nextest run -p emulator model`.
#[test]
fn a_subscription_does_what_the_model_does() {
    let (runtime, emulator) = &*SCENE;
    let _inside = runtime.enter();
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    };
    let result = TestRunner::new(config).run(&script(), |script| play(emulator, &script));
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
