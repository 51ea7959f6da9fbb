//! The command around the library: its flags, its output, and the places in which it refuses to run.

mod announcement;
mod arguments;
mod refusal;

pub(crate) use self::announcement::announce;
pub(crate) use self::arguments::{Arguments, DEFAULT_PROJECT};
pub(crate) use self::refusal::{Place, Refusal};
