//! `pushgate gateway`: a command for the service that a file declares.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{ServiceCommand, serve};
use crate::environment::Environment;
use crate::gateway::service;

/// The end of the help: a file, and the agreement with the application.
pub(super) const HELP: &str = r#"Without a command it serves. A file:

  application: http://127.0.0.1:8000
  subscriptions:
    - id: orders-fulfilment
      topic: orders
      purpose: Reserves stock for every paid order.
      producers: [checkout]
      idempotency: {kind: payload, key: /id}     # or {kind: messageId}
      path: /orders

The other fields of a subscription are those that `pushgate describe` prints, with the same defaults.

The application receives the push as Pub/Sub would send it, with the headers idempotency-key, pushgate-time-left-ms and traceparent.
200, 201, 202 and 204 acknowledge the message; after any other status it is delivered again. The headers pushgate-outcome
(success, retry, dead-letter or discard) and pushgate-reason of the response decide otherwise."#;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// File of the declarations
    #[arg(long, value_name = "FILE", default_value = "gateway.yaml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<ServiceCommand>,
}

impl Arguments {
    /// Returns the exit code of a failure.
    pub(super) fn failure(&self) -> ExitCode {
        let command = self.command.as_ref();
        command.map_or(ExitCode::FAILURE, ServiceCommand::failure)
    }
}

pub(super) async fn run(
    arguments: Arguments,
    environment: Environment,
) -> Result<ExitCode, Box<dyn Error>> {
    let service = service(&arguments.config)?;
    let command = arguments
        .command
        .unwrap_or(ServiceCommand::Serve(serve::Arguments::default()));
    command.run(service, environment).await
}
