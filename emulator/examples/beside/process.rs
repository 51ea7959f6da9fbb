//! The measured processes, and the system's figures of them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{Arguments, Failure};

/// Linux counts processor time in hundredths of a second for user space, on every architecture.
const TICKS_A_SECOND: f64 = 100.0;
const START_LIMIT: Duration = Duration::from_secs(60);

/// The measured emulators.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// This emulator, as fast as the endpoint allows.
    Eager,
    /// This emulator, at the pace of Google's service.
    Default,
    /// Google's emulator.
    Google,
}

/// A process that ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    /// `http://HOST:PORT`.
    pub(crate) url: String,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Eager => "ours, --eager",
            Self::Default => "ours",
            Self::Google => "Google's",
        }
    }

    /// Starts an emulator, and returns the time until its first answer.
    pub(crate) async fn start(self, arguments: &Arguments) -> Result<(Process, Duration), Failure> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = match self {
            Self::Eager | Self::Default => Command::new(binary(arguments)?),
            Self::Google => Command::new("java"),
        };
        match self {
            Self::Eager => command.arg("--eager").arg(format!("--host-port={address}")),
            Self::Default => command.arg(format!("--host-port={address}")),
            Self::Google => command
                .arg("-jar")
                .arg(&arguments.jar)
                .arg("--host=127.0.0.1")
                .arg(format!("--port={}", address.port())),
        };
        // Both log errors. Neither should wait for a reader.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Made first, since this takes time.
        let client = reqwest::Client::new();
        let began = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let url = format!("http://{address}");
        let mut process = Process { child, url };
        process.ready(&client, began).await?;
        Ok((process, began.elapsed()))
    }
}

impl Process {
    /// Starts this program again as an endpoint.
    pub(crate) fn endpoint() -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("endpoint")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("the endpoint has no output")?;
        let mut url = String::new();
        let read = BufReader::new(output).read_line(&mut url);
        // From now on it ends when it is dropped.
        let process = Self {
            child,
            url: url.trim().to_owned(),
        };
        read?;
        Ok(process)
    }

    async fn ready(&mut self, client: &reqwest::Client, began: Instant) -> Result<(), Failure> {
        while began.elapsed() < START_LIMIT {
            if let Ok(answer) = client.get(&self.url).send().await
                && answer.status() == reqwest::StatusCode::OK
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the emulator ended at its start: {status}").into());
            }
            sleep(Duration::from_millis(1)).await;
        }
        Err(format!("the emulator did not answer within {START_LIMIT:?}").into())
    }

    /// Returns the processor time that the process has taken so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The first field is the name of the program, which ends with the last closing bracket.
        let (_, fields) = stat
            .rsplit_once(')')
            .ok_or("the system's format is unknown")?;
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks = times.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
        Ok(ticks / TICKS_A_SECOND)
    }

    /// Returns the current memory of the process, in MiB.
    pub(crate) fn memory_mib(&self) -> Result<f64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: f64 = kib.ok_or("the system's format is unknown")?.parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn binary(arguments: &Arguments) -> Result<PathBuf, Failure> {
    if let Some(path) = &arguments.emulator {
        return Ok(path.clone());
    }
    let example = std::env::current_exe()?;
    let built = example
        .ancestors()
        .nth(2)
        .map(|folder| folder.join("emulator"));
    Ok(built.ok_or("this example has no folder")?)
}
