//! `dev --watch`: runs `dev` in a process of its own, and again after each change of a source.

mod sources;

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use self::sources::{Sources, WatchError, changed, watch};
use super::Arguments;
use crate::commands::process::{Signals, print};
use crate::environment::Environment;
use crate::package::Package;
use crate::service::Service;

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
        match &self.declarations {
            Some(declarations) => Ok(sources::declarations(declarations)),
            None => sources::of_program(&self.path),
        }
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
