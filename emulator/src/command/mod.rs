//! The command: its flags, its output, and its checks of the environment.

mod announcement;
mod arguments;
mod gcloud;
mod rejection;
mod variables;

pub(crate) use self::announcement::Announcement;
pub(crate) use self::arguments::{Arguments, DEFAULT_PROJECT};
pub(crate) use self::gcloud::{Gcloud, Invocation};
pub(crate) use self::rejection::{Place, Rejection};
pub(crate) use self::variables::{open_next_port, projects};
