//! Messages that are published: by the library, by the command, by other programs.

mod command;
mod publisher;
mod snippets;
