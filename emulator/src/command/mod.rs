//! What the command needs besides the library: its flags, what it says, and where it refuses to run.

mod announcement;
mod arguments;
mod refusal;

pub(crate) use self::announcement::announce;
pub(crate) use self::arguments::{Arguments, DEFAULT_PROJECT};
pub(crate) use self::refusal::{Place, Refusal};
