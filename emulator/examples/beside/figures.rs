//! The figures, as a table for people or as JSON for tests.

use std::io::Write;

use serde::Serialize;
use serde_json::json;

use crate::Failure;

/// The figures of one emulator.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) emulator: &'static str,
    pub(crate) ready_ms: f64,
    pub(crate) latency_p50_ms: f64,
    pub(crate) latency_p99_ms: f64,
    pub(crate) pushes_a_second: f64,
    pub(crate) emulator_cpu_seconds: f64,
    pub(crate) endpoint_cpu_seconds: f64,
    pub(crate) in_flight: usize,
    /// The number of delivered messages when the memory was read.
    pub(crate) delivered: usize,
    pub(crate) memory_mib: f64,
    pub(crate) idle_cpu_percent: f64,
    pub(crate) many_topics_pushes_a_second: f64,
    /// The rate with many topics, as a share of that with one.
    pub(crate) many_topics_share: f64,
}

/// One line of the table.
struct Row {
    key: &'static str,
    title: &'static str,
    value: fn(&Figures) -> f64,
    /// The direction of a ratio, so that more than one always means that the first emulator is better.
    less_is_better: bool,
}

const ROWS: [Row; 12] = [
    Row {
        key: "ready",
        title: "time to ready, ms",
        value: |f| f.ready_ms,
        less_is_better: true,
    },
    Row {
        key: "latency_p50",
        title: "publish to push, p50, ms",
        value: |f| f.latency_p50_ms,
        less_is_better: true,
    },
    Row {
        key: "latency_p99",
        title: "publish to push, p99, ms",
        value: |f| f.latency_p99_ms,
        less_is_better: true,
    },
    Row {
        key: "pushes",
        title: "pushes of 1 KiB a second",
        value: |f| f.pushes_a_second,
        less_is_better: false,
    },
    Row {
        key: "emulator_cpu",
        title: "  processor time of the emulator, s",
        value: |f| f.emulator_cpu_seconds,
        less_is_better: true,
    },
    Row {
        key: "endpoint_cpu",
        title: "  processor time of the endpoint, s",
        value: |f| f.endpoint_cpu_seconds,
        less_is_better: true,
    },
    Row {
        key: "in_flight",
        title: "in flight to an endpoint that takes 1 s",
        value: |f| as_f64(f.in_flight),
        less_is_better: false,
    },
    Row {
        key: "delivered",
        title: "messages delivered before memory was read",
        value: |f| as_f64(f.delivered),
        less_is_better: false,
    },
    Row {
        key: "memory",
        title: "  memory then, MiB",
        value: |f| f.memory_mib,
        less_is_better: true,
    },
    Row {
        key: "idle_cpu",
        title: "idle with 100 push subscriptions, % of a processor (at most)",
        value: |f| f.idle_cpu_percent,
        less_is_better: true,
    },
    Row {
        key: "many_topics",
        title: "pushes a second over many topics",
        value: |f| f.many_topics_pushes_a_second,
        less_is_better: false,
    },
    Row {
        key: "many_topics_share",
        title: "  as a share of those of one topic",
        value: |f| f.many_topics_share,
        less_is_better: false,
    },
];

/// Prints all figures, and the ratios of the first emulators to the last one.
pub(crate) fn print(all: &[Figures], as_json: bool) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    if as_json {
        let ratios = all
            .first()
            .zip(other(all))
            .map(|(ours, other)| ratios(ours, other));
        let whole = json!({ "emulators": all, "ratios": ratios });
        writeln!(output, "{}", serde_json::to_string_pretty(&whole)?)?;
        return Ok(());
    }
    write!(output, "{:<60}", "")?;
    for figures in all {
        write!(output, "{:>16}", figures.emulator)?;
    }
    writeln!(output, "{:>16}", if all.len() > 2 { "ratio" } else { "" })?;
    for row in &ROWS {
        write!(output, "{:<60}", row.title)?;
        for figures in all {
            write!(output, "{:>16}", number((row.value)(figures)))?;
        }
        if let Some((ours, other)) = all.first().zip(other(all)) {
            write!(output, "{:>14} x", number(row.ratio(ours, other)))?;
        }
        writeln!(output)?;
    }
    Ok(())
}

/// Google's figures, if they were measured.
fn other(all: &[Figures]) -> Option<&Figures> {
    all.get(2)
}

fn ratios(ours: &Figures, other: &Figures) -> serde_json::Map<String, serde_json::Value> {
    let ratios = ROWS
        .iter()
        .map(|row| (row.key.to_owned(), json!(row.ratio(ours, other))));
    ratios.collect()
}

impl Row {
    fn ratio(&self, ours: &Figures, other: &Figures) -> f64 {
        let (ours, other) = ((self.value)(ours), (self.value)(other));
        if self.less_is_better {
            other / ours
        } else {
            ours / other
        }
    }
}

fn number(value: f64) -> String {
    if value >= 100.0 {
        return format!("{value:.0}");
    }
    format!("{value:.2}")
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}
