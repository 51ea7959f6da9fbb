//! The files that a program is made of, and their changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use notify_debouncer_mini::notify::{self, RecommendedWatcher, RecursiveMode};
use notify_debouncer_mini::{DebounceEventResult, Debouncer, new_debouncer};
use tokio::sync::mpsc;

/// The time without a further change after which a change counts: editors write several files.
const QUIET: Duration = Duration::from_millis(200);

/// The files whose change starts the program again, with the times of their last known changes.
pub(super) type Sources = BTreeMap<PathBuf, Option<SystemTime>>;

/// The reason why a program cannot be watched.
#[derive(Debug, thiserror::Error)]
pub(super) enum WatchError {
    #[error(
        "cannot read {}, expected the list of sources that Cargo writes beside a program: run it by `cargo run`", .path.display()
    )]
    NoSources { path: PathBuf, source: io::Error },
    #[error("cannot watch {}", .path.display())]
    Watch {
        path: PathBuf,
        source: notify::Error,
    },
}

/// Returns the declarations of a gateway as the only source.
pub(super) fn declarations(path: &Path) -> Sources {
    path.canonicalize()
        .ok()
        .into_iter()
        .map(with_time)
        .collect()
}

/// Returns the sources of a program that Cargo has built.
///
/// # Errors
/// If Cargo's list of them is not beside it.
pub(super) fn of_program(program: &Path) -> Result<Sources, WatchError> {
    let path = program.with_extension("d");
    match fs::read_to_string(&path) {
        Ok(list) => Ok(listed(&list).map(with_time).collect()),
        Err(source) => Err(WatchError::NoSources { path, source }),
    }
}

fn with_time(path: PathBuf) -> (PathBuf, Option<SystemTime>) {
    let time = modified(&path);
    (path, time)
}

/// Reads the sources in the list of dependencies that Cargo writes: `PROGRAM: SOURCE SOURCE`, with spaces in names escaped.
fn listed(list: &str) -> impl Iterator<Item = PathBuf> {
    const SPACE: &str = "\u{0}";
    let list = list.replace("\\ ", SPACE);
    let (_, sources) = list.split_once(": ").unwrap_or_default();
    let names: Vec<String> = sources.split_whitespace().map(str::to_owned).collect();
    names
        .into_iter()
        .map(|name| name.replace(SPACE, " ").into())
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|data| data.modified()).ok()
}

/// Returns the names of the sources among these files that are not as they were, and remembers them as they are. A file that was
/// only read is among the files, too.
pub(super) fn changed(sources: &mut Sources, paths: Vec<PathBuf>) -> Vec<String> {
    let mut changed = BTreeSet::new();
    for path in paths {
        let time = modified(&path);
        let is_known = sources.contains_key(&path);
        if (is_known || is_source(&path)) && sources.get(&path) != Some(&time) {
            let name = path.file_name().unwrap_or_default();
            changed.insert(name.to_string_lossy().into_owned());
            sources.insert(path, time);
        }
    }
    changed.into_iter().collect()
}

/// Returns true for a file that may be a new source.
fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// Watches the folders of these files, since editors replace a file by a new one.
pub(super) fn watch<'a>(
    files: impl Iterator<Item = &'a PathBuf>,
) -> Result<(Debouncer<RecommendedWatcher>, mpsc::Receiver<Vec<PathBuf>>), WatchError> {
    let (sender, changes) = mpsc::channel(16);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| WatchError::Watch { path, source }
    };
    let watcher = new_debouncer(QUIET, move |events: DebounceEventResult| {
        let paths = events
            .unwrap_or_default()
            .into_iter()
            .map(|event| event.path);
        // A full queue holds changes that lead to a build anyway.
        let _ = sender.try_send(paths.collect());
    });
    let mut watcher = watcher.map_err(failed(Path::new(".")))?;
    let folders: BTreeSet<&Path> = files.filter_map(|file| file.parent()).collect();
    for folder in folders {
        let watched = watcher.watcher().watch(folder, RecursiveMode::NonRecursive);
        watched.map_err(failed(folder))?;
    }
    Ok((watcher, changes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_are_those_of_cargos_list() {
        let list = "/shop/target/debug/shop: /shop/my\\ src/main.rs /shop/build.rs\n";
        let found: Vec<PathBuf> = listed(list).collect();
        assert_eq!(
            found,
            ["/shop/my src/main.rs", "/shop/build.rs"].map(PathBuf::from)
        );
    }
}
