//! `pushgate serve`: the service, from settings to exit.

use std::error::Error;
use std::fmt::Write as _;

use super::Leave;
use super::output::print;
use crate::config::metadata;
use crate::config::{Config, SETTINGS};
use crate::environment::Environment;
use crate::push::authentication::Mode;
use crate::service::Service;
use crate::telemetry;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Print the effective settings, passwords masked, and exit.
    #[arg(long)]
    print_config: bool,
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
        tracing::warn!("{name} is no setting of pushgate: see pushgate serve --help");
    }
    if arguments.print_config {
        return Ok(print(&table(&config))?);
    }
    if config.authentication == Mode::Platform && environment.get("K_SERVICE").is_none() {
        tracing::error!(
            "PUSHGATE_AUTHENTICATION is platform, but K_SERVICE is not set, so this is not Cloud Run: whoever reaches this port can push as anybody"
        );
    }
    let mut leave = Leave::listen()?;
    let running = tokio::select! {
        running = service.start(&config) => running?,
        () = leave.told() => return Ok(()),
    };
    tracing::info!(address = %running.address(), project = config.project, "listening");
    leave.told().await;
    leave.drain(running).await;
    Ok(())
}

fn table(config: &Config) -> String {
    let mut table = String::new();
    for (name, value, source) in config.effective() {
        let _ = writeln!(table, "{name}={value}  # {source}");
    }
    table
}

/// Every setting with form and default, for `--help`.
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
