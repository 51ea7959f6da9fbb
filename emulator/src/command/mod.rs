//! The command: its flags, its output, and its checks of the environment.

mod announcement;
mod arguments;
mod rejection;

pub(crate) use self::announcement::announce;
pub(crate) use self::arguments::{Arguments, DEFAULT_PROJECT};
pub(crate) use self::rejection::{Place, Rejection};
