//! `pushgate generate`: writes what follows from the declarations; or says what is not as it follows.

use std::error::Error;
use std::fs;
use std::path::Path;

use super::output::print;
use super::root::Root;
use crate::generate::{Staleness, derived, released, stale, superfluous};
use crate::loggable::excerpt;
use crate::service::Service;
use crate::subscriber::Subscriber;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Write nothing, and fail if any file is not as it would be written.
    #[arg(long)]
    check: bool,
    /// Record the message types as released, in m2m/released/, too: what `pushgate check` compares later ones with.
    #[arg(long, conflicts_with = "check")]
    release: bool,
    #[command(flatten)]
    root: Root,
}

/// What `--check` found.
#[derive(Debug, thiserror::Error)]
#[error(
    "{count} of the derived files are not as the declarations say: run `pushgate generate` and commit what it writes; change declarations, not these files"
)]
struct StaleFiles {
    count: usize,
}

pub(super) fn run(service: &Service, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let subscribers = service.declarations()?;
    let root = arguments.root.find()?;
    if arguments.check {
        check(subscribers, &root)
    } else {
        write(subscribers, &root)?;
        if arguments.release {
            release(subscribers, &root)
        } else {
            Ok(())
        }
    }
}

/// What publishers elsewhere will write by from now on.
fn release(subscribers: &[Subscriber], root: &Path) -> Result<(), Box<dyn Error>> {
    for path in released::write(subscribers, root)? {
        let path = path.strip_prefix(root).unwrap_or(&path);
        print(&format!("{:<9}  {}\n", "released", path.display()))?;
    }
    Ok(())
}

fn write(subscribers: &[Subscriber], root: &Path) -> Result<(), Box<dyn Error>> {
    let files = derived(subscribers, root)?;
    for file in &files {
        let verb = match file.staleness(root)? {
            None => "unchanged",
            Some(_) => {
                file.put(root)?;
                "written"
            }
        };
        print(&format!("{verb:<9}  {}\n", file.path.display()))?;
    }
    for path in superfluous(&files, root)? {
        fs::remove_file(root.join(&path))?;
        print(&format!("{:<9}  {}\n", "removed", path.display()))?;
    }
    Ok(())
}

fn check(subscribers: &[Subscriber], root: &Path) -> Result<(), Box<dyn Error>> {
    let stale = stale(subscribers, root)?;
    for file in &stale {
        let path = file.path.display();
        let text = match &file.kind {
            Staleness::Missing => format!("missing      {path}\n"),
            Staleness::Superfluous => {
                format!("superfluous  {path}: no handler reads this type any more\n")
            }
            Staleness::Differs {
                line,
                found,
                expected,
            } => format!(
                "differs      {path}:{line}\n  found      {}\n  expected   {}\n",
                shown(found.as_deref()),
                shown(expected.as_deref())
            ),
        };
        print(&text)?;
    }
    match stale.len() {
        0 => Ok(()),
        count => Err(Box::new(StaleFiles { count })),
    }
}

/// A line as it can be told from others that look alike.
fn shown(line: Option<&str>) -> String {
    line.map_or_else(
        || "the end of the file".into(),
        |line| format!("{:?}", excerpt(line)),
    )
}
