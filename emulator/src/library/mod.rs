//! The public interface of a running emulator.

mod bootstrap;
mod emulator;
mod handles;
mod options;
mod resources;
mod start;

pub use self::bootstrap::Bootstrapped;
pub use self::emulator::Emulator;
pub use self::handles::{Pulled, SubscriptionHandle, TopicHandle};
pub use self::options::{MAX_HISTORY_MESSAGES, Options, StartError};
