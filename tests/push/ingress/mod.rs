//! Paths, headers and bodies of pushes, and requests that are no push.

mod bodies;
mod log;
mod paths;
