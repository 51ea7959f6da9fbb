//! The subcommands of the binary.

mod adding;
mod check;
mod command_line;
mod dev;
mod doctor;
mod generate;
mod new;
mod program;
mod top;
mod watch;
