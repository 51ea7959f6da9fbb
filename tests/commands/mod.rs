//! The subcommands of the binary.

mod adding;
mod check;
mod command_line;
mod dev;
mod generate;
mod top;
