//! Measures the service beside the floor and beside a receiver that is written by hand, in turn, and prints medians and ratios.
//!
//! The receiver has one core, and the loader and Redis the other one.

#![expect(clippy::print_stdout, reason = "a command that prints a table")]

mod loader;
mod process;
mod scenarios;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use clap::Parser;

use self::loader::{Load, push};
use self::process::Process;
use self::scenarios::{Figures, SCENARIOS, Scenario, World};

/// Measures the service beside the floor and a receiver that is written by hand.
#[derive(Parser)]
struct Arguments {
    /// Rounds, whose medians count
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each round
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Connections of the loader
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Scenarios whose names contain this
    #[arg(long)]
    only: Option<String>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let world = World::start().await?;
    let ids = Arc::new(AtomicU64::new(1));
    let wanted = arguments.only.as_deref().unwrap_or_default();
    let scenarios: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|scenario| scenario.name.contains(wanted))
        .collect();
    let mut figures = vec![Vec::new(); scenarios.len()];
    for round in 1..=arguments.rounds {
        for (scenario, figures) in scenarios.iter().zip(&mut figures) {
            eprintln!("round {round} of {}: {}", arguments.rounds, scenario.name);
            figures.push(measure(&world, scenario, &arguments, &ids).await?);
        }
    }
    let medians: Vec<(&str, Figures)> = scenarios
        .iter()
        .zip(&figures)
        .map(|(scenario, figures)| (scenario.name, Figures::median(figures)))
        .collect();
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&medians)?);
    } else {
        print!("{}", scenarios::table(&medians));
    }
    Ok(())
}

/// Measures one round, after a second of warm-up.
async fn measure(
    world: &World,
    scenario: &Scenario,
    arguments: &Arguments,
    ids: &Arc<AtomicU64>,
) -> Result<Figures, Box<dyn Error>> {
    let process: Process = world.start_receiver(scenario).await?;
    let mut load = Load {
        port: process.port,
        token: world.token(scenario),
        data_bytes: scenario.data_bytes,
        duplicates: scenario.duplicates,
        connections: arguments.connections,
        duration: Duration::from_secs(1),
        expected: scenario.expected,
    };
    push(&load, ids).await?;
    load.duration = Duration::from_secs(arguments.seconds);
    let before = process.processor_time()?;
    let measured = push(&load, ids).await?;
    let spent = process.processor_time()?.saturating_sub(before);
    Ok(Figures::of(
        &measured,
        spent,
        process.peak_memory()?,
        process.started_in,
    ))
}
