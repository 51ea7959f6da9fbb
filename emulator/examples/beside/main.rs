//! Compares this emulator with Google's, in one run on one machine.
//!
//! `cargo build --release -p pushgate-emulator && cargo run --release -p pushgate-emulator --example beside`
//!
//! Each emulator is a separate process, uses Google's API, and pushes to the same endpoint. Machines differ and are never
//! idle, so only the ratio counts. `--help` lists the parts and their sizes.

mod client;
mod endpoint;
mod figures;
mod measure;
mod process;

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use self::figures::Figures;
use self::process::Kind;

/// An error of a measurement, which is only reported.
type Failure = Box<dyn Error + Send + Sync>;

/// Measures this emulator beside Google's.
#[derive(Clone, Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,

    /// This emulator's binary; by default the one that cargo built beside this example.
    #[arg(long, value_name = "PATH")]
    emulator: Option<PathBuf>,

    /// Google's emulator, as the Cloud SDK installs it.
    #[arg(
        long,
        value_name = "PATH",
        env = "PUBSUB_EMULATOR_JAR",
        default_value = "/usr/lib/google-cloud-sdk/platform/pubsub-emulator/lib/cloud-pubsub-emulator-0.8.20-all.jar"
    )]
    jar: PathBuf,

    /// Leave out Google's emulator, for machines without Java.
    #[arg(long)]
    ours_only: bool,

    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,

    /// The number of starts of each emulator; the median counts.
    #[arg(long, value_name = "N", default_value_t = 5)]
    starts: usize,

    /// Messages that are published one at a time.
    #[arg(long, value_name = "N", default_value_t = 500)]
    single: usize,

    /// Messages that are queued before pushing begins.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    queued: usize,

    /// Messages to deliver before the memory is read.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    delivered: usize,

    /// Topics, with a subscription each, against one topic with one.
    #[arg(long, value_name = "N", default_value_t = 200)]
    topics: usize,

    /// The time for which pushes to a slow endpoint, and an idle emulator, are measured.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    watch: Duration,

    /// The longest time of one part. Then the pushes so far count.
    #[arg(long, value_name = "SECONDS", default_value = "240", value_parser = seconds)]
    limit: Duration,
}

#[derive(Clone, Copy, Subcommand)]
enum Role {
    /// The endpoint, in a process of its own.
    #[command(hide = true)]
    Endpoint,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    if arguments.role.is_some() {
        return endpoint::serve().await;
    }
    // The current processes end when their guards are dropped.
    tokio::select! {
        measured = measure_all(&arguments) => figures::print(&measured?, arguments.json),
        interrupted = tokio::signal::ctrl_c() => Err(interrupted.err().map_or("interrupted".into(), Into::into)),
    }
}

async fn measure_all(arguments: &Arguments) -> Result<Vec<Figures>, Failure> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.install_default().ok();
    let kinds: &[Kind] = if arguments.ours_only {
        &[Kind::Eager, Kind::Default]
    } else {
        &[Kind::Eager, Kind::Default, Kind::Google]
    };
    let mut all = Vec::new();
    for kind in kinds {
        all.push(measure::measure(*kind, arguments).await?);
    }
    Ok(all)
}

/// Prints progress to stderr, separate from the result.
fn print(text: &str) {
    writeln!(std::io::stderr(), "{text}").ok();
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
