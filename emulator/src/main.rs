//! The emulator as a command.

use std::error::Error;
use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use clap::Parser;
use emulator::{Emulator, Options, Pace};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A local Google Cloud Pub/Sub for laptops and tests, which pushes as Google does.
///
/// Topics and push subscriptions over Google's REST interface, publishing over REST and gRPC, on one port. Pushes are
/// signed with tokens of its own issuer when a subscription asks for them. Everything is forgotten when it stops.
#[derive(Parser)]
#[command(name = "emulator", version)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8085", value_parser = resolve)]
    host_port: SocketAddr,

    /// Listen on an address that other machines can reach; whoever reaches it can have tokens signed.
    #[arg(long)]
    allow_remote: bool,

    /// Push as fast as endpoints allow: no slow start, and no pauses of a whole subscription after failures.
    #[arg(long)]
    eager: bool,

    /// Of how many messages the console shows what happened to them.
    #[arg(long, value_name = "MESSAGES", default_value_t = Options::default().history_messages)]
    history: usize,

    /// What to log: a level, or directives such as `emulator=debug` for a line a push.
    #[arg(long, value_name = "FILTER", default_value = "emulator=info", value_parser = filter)]
    log: EnvFilter,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(arguments.log)
        .with_writer(std::io::stderr)
        .init();
    let mut terminate = signal(SignalKind::terminate())?;
    let emulator = Emulator::start_with(Options {
        address: arguments.host_port,
        allow_remote: arguments.allow_remote,
        pace: if arguments.eager {
            Pace::Eager
        } else {
            Pace::Google
        },
        data_folder: None,
        history_messages: arguments.history,
    })?;
    announce(&emulator)?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    emulator.stop().await;
    Ok(())
}

/// The output can be sourced by a shell: what is not a command is a comment.
fn announce(emulator: &Emulator) -> std::io::Result<()> {
    let url = emulator.url();
    let host = url.trim_start_matches("http://");
    let mut output = std::io::stdout().lock();
    writeln!(output, "export PUBSUB_EMULATOR_HOST={host}")?;
    writeln!(output, "# console: {url}/console/")?;
    writeln!(
        output,
        "# issuer of push tokens: {}",
        emulator.issuer().url()
    )?;
    writeln!(output, "# its keys: {}", emulator.issuer().keys_url())?;
    output.flush()
}

fn report(error: &dyn Error) {
    eprint!("{error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprint!(": {cause}");
        source = cause.source();
    }
    eprintln!();
}

fn resolve(host_port: &str) -> Result<SocketAddr, String> {
    let mut addresses = host_port
        .to_socket_addrs()
        .map_err(|error| error.to_string())?;
    addresses
        .next()
        .ok_or_else(|| "the host has no address".to_owned())
}

/// A word alone would be read as the name of a module, and a mistyped level would log nothing.
fn filter(directives: &str) -> Result<EnvFilter, String> {
    for directive in directives.split(',') {
        if !directive.contains('=') && directive.parse::<LevelFilter>().is_err() {
            return Err(format!(
                "{directive:?} is neither a level (error, warn, info, debug, trace, off) nor a directive such as emulator=debug"
            ));
        }
    }
    EnvFilter::try_new(directives).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(directives: &str, good: bool) {
        assert_eq!(filter(directives).is_ok(), good, "{directives:?}");
    }

    #[test]
    fn a_filter_that_would_be_ignored_is_refused() {
        check("debug", true);
        check("emulator=debug,hyper=warn", true);
        check("warn,emulator=trace", true);
        check("loud", false);
        check("emulator=loud", false);
    }
}
