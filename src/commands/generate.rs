//! `pushgate generate`: writes what follows from the declarations; or says what is not as it follows.

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::derive::{Staleness, derived, project_root, released, stale, superfluous};
use crate::excerpt::excerpt;
use crate::service::Service;
use crate::subscriber::Subscriber;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Write nothing, and fail if any file is not as it would be written.
    #[arg(long)]
    check: bool,
    /// Keep the schemas as those of a release, too: `pushgate check` compares later ones with them.
    #[arg(long, conflicts_with = "check")]
    release: bool,
    /// The folder of the project, with m2m/ and Cargo.toml; by default this one, or the nearest one around it.
    #[arg(long, value_name = "PATH")]
    root: Option<PathBuf>,
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
    let root = match &arguments.root {
        Some(root) if project_root(root)? == *root => root.clone(),
        Some(root) => {
            return Err(format!(
                "--root is {}, expected a folder with m2m/ and Cargo.toml",
                root.display()
            )
            .into());
        }
        None => project_root(&std::env::current_dir()?)?,
    };
    if arguments.check {
        return check(subscribers, &root);
    }
    write(subscribers, &root)?;
    if arguments.release {
        for path in released::write(subscribers, &root)? {
            let path = path.strip_prefix(&root).unwrap_or(&path);
            writeln!(std::io::stdout(), "{:<9}  {}", "released", path.display())?;
        }
    }
    Ok(())
}

fn write(subscribers: &[Subscriber], root: &Path) -> Result<(), Box<dyn Error>> {
    let files = derived(subscribers, root)?;
    let mut out = std::io::stdout();
    for file in &files {
        let verb = match file.staleness(root)? {
            None => "unchanged",
            Some(_) => {
                file.put(root)?;
                "written"
            }
        };
        writeln!(out, "{verb:<9}  {}", file.path.display())?;
    }
    for path in superfluous(&files, root)? {
        fs::remove_file(root.join(&path))?;
        writeln!(out, "{:<9}  {}", "removed", path.display())?;
    }
    Ok(())
}

fn check(subscribers: &[Subscriber], root: &Path) -> Result<(), Box<dyn Error>> {
    let stale = stale(subscribers, root)?;
    let mut out = std::io::stdout();
    for file in &stale {
        let path = file.path.display();
        match &file.kind {
            Staleness::Missing => writeln!(out, "missing      {path}")?,
            Staleness::Superfluous => writeln!(
                out,
                "superfluous  {path}: no handler reads this type any more"
            )?,
            Staleness::Differs {
                line,
                found,
                expected,
            } => {
                writeln!(out, "differs      {path}:{line}")?;
                writeln!(out, "  found      {}", shown(found.as_deref()))?;
                writeln!(out, "  expected   {}", shown(expected.as_deref()))?;
            }
        }
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
