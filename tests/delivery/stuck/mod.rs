//! Stuck handlers, beside which all other deliveries go on.

mod in_process;
mod process;
