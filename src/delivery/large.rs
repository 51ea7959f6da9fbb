//! Work whose time grows with the size of a message, kept from the threads on which all other pushes run.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Less than this is decoded within about a millisecond.
const LARGE_BYTES: usize = 256 << 10;

/// Does the work at once. If the message is large, the executor first hands its other tasks to another thread.
pub(crate) fn beside_executor<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let has_other_threads = Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes >= LARGE_BYTES && has_other_threads {
        block_in_place(work)
    } else {
        work()
    }
}
