//! Handlers that get stuck stop nothing but themselves.

mod in_process;
mod process;
