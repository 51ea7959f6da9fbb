//! The consent to a change.

use std::error::Error;
use std::io::{IsTerminal, Write, stderr, stdin};

use super::progress::print_note;

#[derive(clap::Args)]
pub(super) struct Consent {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do it without asking
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) yes: bool,
    /// Print what was done as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Consent {
    /// Asks the person at the terminal, if needed. Without a terminal, --yes is needed.
    pub(super) fn is_given(&self, question: &str) -> Result<bool, Box<dyn Error>> {
        if self.yes {
            return Ok(true);
        }
        if self.dry_run || !stdin().is_terminal() {
            print_note(&format!("{question}: nothing is done yet."));
            return match self.dry_run {
                true => Ok(false),
                false => Err("add --yes to do it, or --dry-run to only see it".into()),
            };
        }
        write!(stderr(), "{question}? [y/N] ")?;
        let mut answer = String::new();
        stdin().read_line(&mut answer)?;
        let is_given = matches!(answer.trim(), "y" | "Y" | "yes");
        if !is_given {
            print_note("Nothing is done.");
        }
        Ok(is_given)
    }
}
