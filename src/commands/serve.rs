//! `pushgate serve`: runs the service, from settings to exit.

use std::error::Error;
use std::fmt::Write as _;

use serde_json::json;

use super::process::{Signals, print};
use crate::config::metadata;
use crate::config::{Config, SETTINGS};
use crate::environment::Environment;
use crate::package::invocation;
use crate::push::authentication::Mode;
use crate::service::Service;
use crate::telemetry;

#[derive(Default, clap::Args)]
pub(super) struct Arguments {
    /// Print the effective settings with masked passwords, and exit
    #[arg(long)]
    print_config: bool,
    /// With --print-config: as JSON
    #[arg(long, requires = "print_config")]
    json: bool,
}

pub(super) async fn run(
    service: Service,
    arguments: &Arguments,
    environment: Environment,
) -> Result<(), Box<dyn Error>> {
    let _log = telemetry::install(&environment, "info");
    telemetry::hide_panic_messages();
    let environment = metadata::complete(environment).await;
    let config = Config::read(&environment)?;
    for name in config.unknown() {
        let invocation = invocation();
        tracing::warn!("{name} is not a setting of pushgate: see {invocation} serve --help");
    }
    if arguments.print_config {
        let text = match arguments.json {
            true => json(&config)?,
            false => table(&config),
        };
        return Ok(print(&text)?);
    }
    if config.authentication == Mode::Platform && config.cloud_run_service().is_none() {
        tracing::error!(
            "PUSHGATE_AUTHENTICATION is platform, but K_SERVICE is not set, so this is not Cloud Run: any client that reaches this port can push under any identity"
        );
    }
    let mut signals = Signals::listen()?;
    let running = tokio::select! {
        running = service.start(&config) => running?,
        () = signals.received() => return Ok(()),
    };
    tracing::info!(address = %running.address(), project = config.project, "listening");
    signals.received().await;
    signals.shut_down(running).await;
    Ok(())
}

fn table(config: &Config) -> String {
    let mut table = String::new();
    for (name, value, source) in config.effective() {
        let _ = writeln!(table, "{name}={value}  # {source}");
    }
    table
}

fn json(config: &Config) -> Result<String, serde_json::Error> {
    let effective = config.effective().into_iter();
    let settings: Vec<_> = effective
        .map(|(name, value, source)| json!({"name": name, "value": value, "source": source}))
        .collect();
    Ok(serde_json::to_string_pretty(&settings)? + "\n")
}

/// Lists every setting with its form and its default, for `--help`.
pub(super) fn settings_help() -> String {
    let mut help = String::from("Settings, from the environment:\n");
    for setting in &SETTINGS {
        let default = match (setting.is_required(), setting.default) {
            (true, _) => " [required]".into(),
            (false, Some(default)) => format!(" [default: {default}]"),
            (false, None) => " [optional]".into(),
        };
        let _ = writeln!(
            help,
            "  {}{default}\n          {}\n          ({})",
            setting.name, setting.meaning, setting.form
        );
    }
    help
}
