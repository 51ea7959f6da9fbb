//! `pushgate generate`: writes the files that are derived from the declarations, or reports the ones that are out of date.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use super::process::print;
pub(super) use crate::generate::paths::HELP;
use crate::generate::{DeriveError, Project, Staleness, derived, released, stale, superfluous};
use crate::loggable::excerpt;
use crate::package::{Package, invocation};
use crate::service::Service;
use crate::subscriber::Subscriber;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Write nothing, and fail if a file is out of date
    #[arg(long)]
    check: bool,
    /// Also record the message types as released, in m2m/released/: `check` compares later ones with them
    #[arg(long, conflicts_with = "check")]
    release: bool,
    #[command(flatten)]
    root: Root,
}

/// The project of a command.
#[derive(clap::Args)]
pub(super) struct Root {
    /// Folder of the service's Cargo.toml, or another whose Cargo.toml has the settings; by default the service's own, found from this folder
    #[arg(long, value_name = "PATH")]
    root: Option<PathBuf>,
}

impl Root {
    /// Returns the project of the service.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn find(&self, package: &Package) -> Result<Project, DeriveError> {
        match &self.root {
            Some(root) => Project::at(root, package),
            None => {
                let here = std::env::current_dir().map_err(DeriveError::NoFolder)?;
                Project::around(&here, package)
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{count} of the derived files are out of date: run `{} generate` and commit the result; change declarations, not these files",
    invocation()
)]
struct StaleFiles {
    count: usize,
}

pub(super) fn run(service: &Service, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let subscribers = service.declarations()?;
    let project = arguments.root.find(&service.package)?;
    if arguments.check {
        check(subscribers, &project)
    } else {
        write(subscribers, &project)?;
        if arguments.release {
            release(subscribers, &project)
        } else {
            Ok(())
        }
    }
}

/// Records the message types that publishers elsewhere use from now on.
fn release(subscribers: &[Subscriber], project: &Project) -> Result<(), Box<dyn Error>> {
    let folder = project.root.join(&project.paths.released);
    for path in released::write(subscribers, &folder)? {
        let path = path.strip_prefix(&project.root).unwrap_or(&path);
        print(&format!("{:<9}  {}\n", "released", path.display()))?;
    }
    Ok(())
}

fn write(subscribers: &[Subscriber], project: &Project) -> Result<(), Box<dyn Error>> {
    let root = &*project.root;
    let files = derived(subscribers, project)?;
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
    for path in superfluous(&files, project)? {
        fs::remove_file(root.join(&path))?;
        print(&format!("{:<9}  {}\n", "removed", path.display()))?;
    }
    Ok(())
}

fn check(subscribers: &[Subscriber], project: &Project) -> Result<(), Box<dyn Error>> {
    let stale = stale(subscribers, project)?;
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
