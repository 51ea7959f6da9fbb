//! A measured process: pinned to a core, with its processor time and its memory from `/proc`.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// The unit of `/proc/PID/stat` on Linux, whatever the kernel's own is.
const TICK: Duration = Duration::from_millis(10);

pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
    /// The time from its start until it accepts connections.
    pub(crate) started_in: Duration,
}

/// Returns a program beside this one.
pub(crate) fn beside(name: &str) -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// Returns a free port.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Returns the command of a program on one core.
pub(crate) fn on_core(core: usize, program: impl Into<PathBuf>) -> Command {
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", &core.to_string()])
        .arg(program.into())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

impl Process {
    /// Starts a program that listens at this port, and waits until it does.
    ///
    /// # Errors
    /// If it ends, or does not listen in time.
    pub(crate) async fn start(mut command: Command, port: u16) -> io::Result<Self> {
        let begin = Instant::now();
        let mut child = command.spawn()?;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if let Some(status) = child.try_wait()? {
                return Err(io::Error::other(format!("{command:?} has ended: {status}")));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Self {
            child,
            port,
            started_in: begin.elapsed(),
        })
    }

    /// Returns the processor time so far, of all threads.
    pub(crate) fn processor_time(&self) -> io::Result<Duration> {
        let stat = self.read("stat")?;
        // The name of the program may contain spaces, and ends with the last bracket.
        let (_, fields) = stat.rsplit_once(") ").unwrap_or_default();
        let ticks: u32 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u32>().ok())
            .sum();
        Ok(TICK * ticks)
    }

    /// Returns the most memory so far, in bytes.
    pub(crate) fn peak_memory(&self) -> io::Result<u64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(number.unwrap_or_default() * 1024)
    }

    fn read(&self, file: &str) -> io::Result<String> {
        let id = self.child.id().ok_or(io::ErrorKind::NotFound)?;
        std::fs::read_to_string(format!("/proc/{id}/{file}"))
    }
}
