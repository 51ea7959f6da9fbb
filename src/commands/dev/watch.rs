//! `dev --watch`: runs `dev` in a process of its own, and again after each change of a source.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use notify_debouncer_mini::notify::{self, RecommendedWatcher, RecursiveMode};
use notify_debouncer_mini::{DebounceEventResult, Debouncer, new_debouncer};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::Arguments;
use crate::commands::process::{Signals, print};
use crate::environment::Environment;
use crate::package::Package;
use crate::service::Service;

/// The time without a further change after which a change counts: editors write several files.
const QUIET: Duration = Duration::from_millis(200);

/// The files whose change starts the program again, with the times of their last known changes.
type Sources = BTreeMap<PathBuf, Option<SystemTime>>;

/// The reason why a program cannot be watched.
#[derive(Debug, thiserror::Error)]
enum WatchError {
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

/// The program, and the way to build it.
struct Program {
    path: PathBuf,
    /// The arguments of each run.
    arguments: Vec<OsString>,
    /// `None` if only declarations change, which are read at the start.
    build: Option<Build>,
    /// The declarations of a gateway.
    declarations: Option<PathBuf>,
}

enum Build {
    Shell(String),
    Cargo(OsString, Vec<OsString>),
}

/// A folder with the emulator's state, removed at the end unless the user named it.
struct DataFolder {
    path: PathBuf,
    is_ours: bool,
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

pub(super) async fn run(
    service: &Service,
    arguments: &Arguments,
    environment: &Environment,
) -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::listen()?;
    let folder = DataFolder::of(arguments);
    let program = Program::of(&service.package, arguments, environment, &folder.path)?;
    let mut sources = program.sources()?;
    let (_watcher, mut changes) = watch(sources.keys())?;
    let mut running = Some(program.start()?);
    loop {
        tokio::select! {
            () = signals.received() => break,
            // The folders are those of the start: a source in another folder needs another start.
            Some(paths) = changes.recv() => {
                let changed = changed(&mut sources, paths);
                if changed.is_empty() {
                    continue;
                }
                print(&format!("\nchanged: {}\n", changed.join(", ")))?;
                if !program.build().await? {
                    print("the build failed, and the service runs as it was\n")?;
                    continue;
                }
                stop(running.take()).await;
                for (path, time) in program.sources()? {
                    sources.entry(path).or_insert(time); // a change during the build counts
                }
                running = Some(program.start()?);
            }
            _ = ended(&mut running) => {
                running = None;
                print("the service has ended; it starts again after the next change\n")?;
            }
        }
    }
    stop(running).await;
    Ok(())
}

impl DataFolder {
    fn of(arguments: &Arguments) -> Self {
        let named = arguments.data_dir.clone();
        let own = || std::env::temp_dir().join(format!("pushgate-dev-{}", std::process::id()));
        Self {
            is_ours: named.is_none(),
            path: named.unwrap_or_else(own),
        }
    }
}

impl Program {
    fn of(
        package: &Package,
        arguments: &Arguments,
        environment: &Environment,
        data_folder: &Path,
    ) -> io::Result<Self> {
        let path = std::env::current_exe()?;
        let declarations = package.gateway.clone();
        let build = match (&arguments.build, &declarations) {
            (Some(command), _) => Some(Build::Shell(command.clone())),
            (None, Some(_)) => None,
            (None, None) => Some(Build::by_cargo(&path, package, environment)),
        };
        Ok(Self {
            arguments: arguments_of_a_run(package, arguments, data_folder),
            path,
            build,
            declarations,
        })
    }

    /// Returns the files whose change starts it again.
    fn sources(&self) -> Result<Sources, WatchError> {
        let with_time = |path: PathBuf| {
            let time = modified(&path);
            (path, time)
        };
        if let Some(declarations) = &self.declarations {
            let declarations = declarations.canonicalize().ok();
            return Ok(declarations.into_iter().map(with_time).collect());
        }
        let path = self.path.with_extension("d");
        let text = fs::read_to_string(&path);
        let text = text.map_err(|source| WatchError::NoSources { path, source })?;
        Ok(sources(&text).map(with_time).collect())
    }

    /// Builds it, and returns true if that succeeds. What the build prints is shown.
    async fn build(&self) -> io::Result<bool> {
        let mut command = match &self.build {
            None => return Ok(true),
            Some(Build::Shell(text)) => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(text);
                command
            }
            Some(Build::Cargo(cargo, arguments)) => {
                let mut command = Command::new(cargo);
                command.args(arguments);
                command
            }
        };
        Ok(command.kill_on_drop(true).status().await?.success())
    }

    /// Starts it. It has a process group of its own, so that ctrl-C does not reach it twice.
    fn start(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .process_group(0)
            .kill_on_drop(true);
        command.spawn()
    }
}

impl Build {
    /// Builds the package with the profile that is named by the folder of the program.
    fn by_cargo(program: &Path, package: &Package, environment: &Environment) -> Self {
        let cargo = environment.get("CARGO").unwrap_or("cargo");
        let profile = program.parent().and_then(Path::file_name);
        let profile = match profile {
            Some(profile) if profile != "debug" => profile.to_owned(),
            _ => "dev".into(),
        };
        let mut arguments: Vec<OsString> = vec!["build".into(), "--profile".into(), profile];
        if let Some(name) = package.name {
            arguments.extend(["--package".into(), name.into()]);
        }
        Self::Cargo(cargo.into(), arguments)
    }
}

/// Returns the command line of a run without `--watch`.
fn arguments_of_a_run(package: &Package, given: &Arguments, data_folder: &Path) -> Vec<OsString> {
    let mut all: Vec<OsString> = Vec::new();
    if let Some(declarations) = &package.gateway {
        all.extend(["gateway".into(), "--config".into(), declarations.into()]);
    }
    all.extend(["dev".into(), "--data-dir".into(), data_folder.into()]);
    let mut number = |name: &str, value: u16| {
        all.extend([name.into(), value.to_string().into()]);
    };
    number("--emulator-port", given.emulator_port);
    number("--status-port", given.status_port);
    if let Some(port) = given.port {
        number("--port", port);
    }
    if let Some(project) = &given.project {
        all.extend(["--project".into(), project.into()]);
    }
    if given.quiet {
        all.push("--quiet".into());
    }
    all
}

/// Reads the sources in the list of dependencies that Cargo writes: `PROGRAM: SOURCE SOURCE`, with spaces in names escaped.
fn sources(list: &str) -> impl Iterator<Item = PathBuf> {
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
fn changed(sources: &mut Sources, paths: Vec<PathBuf>) -> Vec<String> {
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
fn watch<'a>(
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

/// Waits for the end of a program that runs.
async fn ended(running: &mut Option<Child>) {
    match running {
        Some(child) => drop(child.wait().await),
        None => std::future::pending().await,
    }
}

/// Shuts a program down, and waits for its end.
async fn stop(running: Option<Child>) {
    let Some(mut child) = running else { return };
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(id) = id.and_then(Pid::from_raw) {
        let _ = kill_process(id, Signal::TERM);
    }
    let _ = child.wait().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_are_those_of_cargos_list() {
        let list = "/shop/target/debug/shop: /shop/my\\ src/main.rs /shop/build.rs\n";
        let found: Vec<PathBuf> = sources(list).collect();
        assert_eq!(
            found,
            ["/shop/my src/main.rs", "/shop/build.rs"].map(PathBuf::from)
        );
    }
}
