//! The receivers, what they receive, and the figures.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use emulator::{Emulator, Forgery};
use serde::Serialize;
use tokio::process::Child;

use crate::loader::Measured;
use crate::process::{Process, beside, free_port, on_core};

const AUDIENCE: &str = "https://push.example.com";
const CALLER: &str = "push@bench.iam.gserviceaccount.com";

/// The core of the receiver, and the one of everything else.
const RECEIVER: usize = 0;
const REST: usize = 1;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiver {
    Floor,
    ByHand,
    Memory,
    Redis,
}

/// One row of the table.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    receiver: Receiver,
    pub(crate) data_bytes: usize,
    pub(crate) duplicates: u64,
    is_forged: bool,
    pub(crate) expected: u16,
    subscribers: usize,
}

/// A row with 1 KiB, all fresh and valid.
const fn row(name: &'static str, receiver: Receiver) -> Scenario {
    Scenario {
        name,
        receiver,
        data_bytes: 1024,
        duplicates: 0,
        is_forged: false,
        expected: 204,
        subscribers: 1,
    }
}

pub(crate) const SCENARIOS: [Scenario; 16] = [
    row("floor", Receiver::Floor),
    row("by hand, Redis", Receiver::ByHand),
    row("pushgate, memory", Receiver::Memory),
    row("pushgate, Redis", Receiver::Redis),
    Scenario {
        duplicates: 10,
        ..row("pushgate, Redis, 10 % duplicates", Receiver::Redis)
    },
    Scenario {
        duplicates: 100,
        ..row("pushgate, memory, duplicates", Receiver::Memory)
    },
    Scenario {
        duplicates: 100,
        ..row("pushgate, Redis, duplicates", Receiver::Redis)
    },
    Scenario {
        is_forged: true,
        expected: 401,
        ..row("pushgate, memory, forged tokens", Receiver::Memory)
    },
    Scenario {
        subscribers: 1000,
        ..row("pushgate, memory, 1,000 subscribers", Receiver::Memory)
    },
    Scenario {
        data_bytes: 64 * 1024,
        ..row("floor, 64 KiB", Receiver::Floor)
    },
    Scenario {
        data_bytes: 64 * 1024,
        ..row("by hand, Redis, 64 KiB", Receiver::ByHand)
    },
    Scenario {
        data_bytes: 64 * 1024,
        ..row("pushgate, memory, 64 KiB", Receiver::Memory)
    },
    Scenario {
        data_bytes: 64 * 1024,
        ..row("pushgate, Redis, 64 KiB", Receiver::Redis)
    },
    Scenario {
        data_bytes: 1024 * 1024,
        ..row("floor, 1 MiB", Receiver::Floor)
    },
    Scenario {
        data_bytes: 1024 * 1024,
        ..row("by hand, Redis, 1 MiB", Receiver::ByHand)
    },
    Scenario {
        data_bytes: 1024 * 1024,
        ..row("pushgate, Redis, 1 MiB", Receiver::Redis)
    },
];

/// The figures of a round, or the medians of several.
#[derive(Clone, Default, Serialize)]
pub(crate) struct Figures {
    pushes_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    cpu_us_per_push: f64,
    peak_mib: f64,
    start_ms: f64,
}

/// Google's side and the store.
pub(crate) struct World {
    emulator: Emulator,
    redis_port: u16,
    _redis: Child,
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
impl Figures {
    pub(crate) fn of(measured: &Measured, spent: Duration, peak: u64, start: Duration) -> Self {
        let pushes = measured.pushes() as f64;
        Self {
            pushes_per_second: pushes / measured.elapsed.as_secs_f64(),
            p50_ms: milliseconds(measured.quantile(0.5)),
            p99_ms: milliseconds(measured.quantile(0.99)),
            p999_ms: milliseconds(measured.quantile(0.999)),
            cpu_us_per_push: spent.as_secs_f64() * 1e6 / pushes,
            peak_mib: peak as f64 / 1024.0 / 1024.0,
            start_ms: milliseconds(start),
        }
    }

    /// Returns the median of each figure.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let median = |figure: fn(&Self) -> f64| {
            let mut all: Vec<f64> = rounds.iter().map(figure).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or_default()
        };
        Self {
            pushes_per_second: median(|one| one.pushes_per_second),
            p50_ms: median(|one| one.p50_ms),
            p99_ms: median(|one| one.p99_ms),
            p999_ms: median(|one| one.p999_ms),
            cpu_us_per_push: median(|one| one.cpu_us_per_push),
            peak_mib: median(|one| one.peak_mib),
            start_ms: median(|one| one.start_ms),
        }
    }
}

/// Returns a table in Markdown, with the processor time as ratios to the floor and to the receiver by hand of the same size.
pub(crate) fn table(medians: &[(&str, Figures)]) -> String {
    let size = |name: &str| {
        name.rsplit(", ")
            .next()
            .filter(|end| end.ends_with("iB"))
            .map(str::to_owned)
    };
    let of = |begin: &str, name: &str| {
        let same =
            |other: &&(&str, Figures)| other.0.starts_with(begin) && size(other.0) == size(name);
        medians
            .iter()
            .find(same)
            .map(|(_, figures)| figures.cpu_us_per_push)
    };
    let mut table = String::from(
        "| | pushes/s | p50 ms | p99 ms | p99.9 ms | CPU µs a push | × floor | × by hand | peak MiB | start ms |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (name, one) in medians {
        let ratio = |begin: &str| {
            of(begin, name).map_or_else(
                || "-".into(),
                |base| format!("{:.2}", one.cpu_us_per_push / base),
            )
        };
        let _ = writeln!(
            table,
            "| {name} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {} | {} | {:.1} | {:.0} |",
            one.pushes_per_second,
            one.p50_ms,
            one.p99_ms,
            one.p999_ms,
            one.cpu_us_per_push,
            ratio("floor"),
            ratio("by hand"),
            one.peak_mib,
            one.start_ms
        );
    }
    table
}

impl World {
    pub(crate) async fn start() -> Result<Self, Box<dyn Error>> {
        let redis_port = free_port()?;
        let mut redis = on_core(REST, "redis-server");
        redis.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--port",
            &redis_port.to_string(),
        ]);
        Ok(Self {
            emulator: Emulator::start().await?,
            _redis: redis.spawn()?,
            redis_port,
        })
    }

    pub(crate) fn token(&self, scenario: &Scenario) -> String {
        let issuer = self.emulator.issuer();
        match scenario.is_forged {
            true => issuer.forged(Forgery::ForeignKey, CALLER, AUDIENCE),
            false => issuer.token(CALLER, AUDIENCE),
        }
    }

    pub(crate) async fn start_receiver(
        &self,
        scenario: &Scenario,
    ) -> Result<Process, Box<dyn Error>> {
        let port = free_port()?;
        let issuer = self.emulator.issuer();
        let redis = format!("redis://127.0.0.1:{}", self.redis_port);
        let command = match scenario.receiver {
            Receiver::Floor => {
                let mut command = on_core(RECEIVER, beside("floor")?);
                command.arg(port.to_string());
                command
            }
            Receiver::ByHand => {
                let mut command = on_core(RECEIVER, beside("receiver")?);
                command.args([&port.to_string(), issuer.url(), &issuer.keys_url(), &redis]);
                command
            }
            Receiver::Memory | Receiver::Redis => {
                let store = match scenario.receiver {
                    Receiver::Redis => redis,
                    _ => "memory:a benchmark".to_owned(),
                };
                let mut command = on_core(RECEIVER, beside("measured-service")?);
                command.arg("serve").envs([
                    ("PORT", port.to_string()),
                    ("SUBSCRIBERS", scenario.subscribers.to_string()),
                    ("GOOGLE_CLOUD_PROJECT", "bench".into()),
                    ("PUSHGATE_STORE", store),
                    ("PUSHGATE_AUDIENCE", AUDIENCE.into()),
                    ("PUSHGATE_CALLERS", CALLER.into()),
                    ("PUSHGATE_ISSUER", issuer.url().to_owned()),
                    ("PUSHGATE_KEYS_URL", issuer.keys_url()),
                    ("PUSHGATE_LOG_FORMAT", "json".into()),
                ]);
                command
            }
        };
        Ok(Process::start(command, port).await?)
    }
}
