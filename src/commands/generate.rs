//! `pushgate generate`: writes the files that are derived from the declarations, or reports the ones that are out of date.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use super::process::print;
use crate::generate::{
    DeriveError, Staleness, derived, project_root, released, stale, superfluous,
};
use crate::loggable::excerpt;
use crate::service::Service;
use crate::subscriber::Subscriber;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Write nothing, and fail if a file is out of date
    #[arg(long)]
    check: bool,
    /// Also record the message types as released, in m2m/released/: `pushgate check` compares later ones with them
    #[arg(long, conflicts_with = "check")]
    release: bool,
    #[command(flatten)]
    root: Root,
}

/// The project of a command.
#[derive(clap::Args)]
pub(super) struct Root {
    /// Folder of the project, with m2m/ and Cargo.toml; by default the nearest one, from this folder up
    #[arg(long, value_name = "PATH")]
    root: Option<PathBuf>,
}

impl Root {
    /// Returns the folder of the project.
    ///
    /// # Errors
    /// If there is no project.
    pub(super) fn find(&self) -> Result<PathBuf, DeriveError> {
        match &self.root {
            Some(root) if project_root(root)? == *root => Ok(root.clone()),
            Some(root) => Err(DeriveError::NotRoot {
                found: root.clone(),
            }),
            None => project_root(&std::env::current_dir().map_err(DeriveError::NoFolder)?),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{count} of the derived files are out of date: run `pushgate generate` and commit the result; change declarations, not these files"
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

/// Records the message types that publishers elsewhere use from now on.
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
                format!("superfluous  {path}: no handler reads this type\n")
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

/// Quotes a line, so that invisible differences show.
fn shown(line: Option<&str>) -> String {
    line.map_or_else(
        || "the end of the file".into(),
        |line| format!("{:?}", excerpt(line)),
    )
}
