//! The flags. Those of Google's emulator have the same names.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use emulator::{Faults, MAX_HISTORY_MESSAGES, Options, Tls};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

const EXAMPLES: &str = "\
Examples:
  # An empty Pub/Sub. Google's clients find it by the two exports that it prints.
  emulator

  # Topics, subscriptions and messages from a file. emulator/examples/shop.yaml has every setting.
  emulator --project shop --bootstrap shop.yaml

  # The subscriptions that a service made with pushgate declares, pushed to it.
  pushgate describe > service.json
  emulator --bootstrap service.json --push-to http://127.0.0.1:8080

  # In a container, which clients reach by a host name.
  emulator --host-port 0.0.0.0:8085 --allow-remote --public-url http://emulator:8085

  # With TLS, for clients that trust the certificate in the file.
  emulator --tls emulator.pem

  # For tests: a free port, no pauses, and the same faults as in an earlier run.
  emulator --host-port 127.0.0.1:0 --pace eager --seed 1234

The standard output has shell commands, for eval; everything else goes to stderr. Clients find the emulator by
PUBSUB_EMULATOR_HOST; the emulator listens at --host-port and does not read that variable. For endpoints with https://,
SSL_CERT_FILE names a PEM file of the authorities to trust instead of the system's.";

/// A local Google Cloud Pub/Sub for laptops and tests, which pushes as Google does.
///
/// It speaks Google's REST and gRPC interfaces on one port, and needs no account, no project and no network. Pushes are signed
/// with tokens of its issuer if a subscription is set so. Without --data-dir, everything is lost when it stops.
#[derive(Debug, Parser)]
#[command(name = "emulator", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8085", value_parser = resolve)]
    pub(crate) host_port: SocketAddr,

    /// The project of short names in bootstrap files, and of the printed PUBSUB_PROJECT_ID; by default `local`.
    ///
    /// It need not exist, and requests may name any other. Without it, the project that all of the files name is printed.
    #[arg(long, value_name = "ID", value_parser = project)]
    pub(crate) project: Option<String>,

    /// Topics, subscriptions, schemas and messages to begin with; may be given several times.
    ///
    /// The file is YAML or JSON, or what `pushgate describe` prints. Several files are one declaration.
    #[arg(long, value_name = "FILE")]
    pub(crate) bootstrap: Vec<PathBuf>,

    /// The URL of the service that `pushgate describe` has described.
    #[arg(long, value_name = "URL", requires = "bootstrap", value_parser = service)]
    pub(crate) push_to: Option<String>,

    /// The folder that keeps the state over a restart.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// The pace of pushes.
    #[arg(long, value_enum, default_value_t = PaceName::Google)]
    pub(crate) pace: PaceName,

    /// The same as --pace eager.
    #[arg(long, conflicts_with = "pace")]
    pub(crate) eager: bool,

    /// The seed of faults; by default random, and printed.
    ///
    /// With the same seed, the same messages meet the same faults.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(..=MAX_SEED))]
    pub(crate) seed: Option<u64>,

    /// The faults of every subscription, in JSON, such as {"duplicate": 0.1, "dropAnswer": 0.05}.
    ///
    /// A bootstrap file, the console, and PUT /emulator/v1/projects/P/subscriptions/S/faults give one subscription others.
    #[arg(long, value_name = "JSON", value_parser = faults)]
    pub(crate) faults: Option<Faults>,

    /// Create missing topics and subscriptions on first use.
    ///
    /// A publish or a read creates the topic, and a new subscription the topics that it names. A pull or a read creates the
    /// subscription, for pull, of the topic with the same id, which is created, too. It has the messages published since then.
    #[arg(long)]
    pub(crate) create: bool,

    /// Reject settings that have no effect here, instead of storing them.
    ///
    /// These are storage policies, encryption keys, ingestion, exports, message transforms and tags. Without the flag, a line of
    /// the log and the console name them.
    #[arg(long)]
    pub(crate) strict: bool,

    /// The number of messages in the history of the console; 0 for none.
    #[arg(long, value_name = "MESSAGES", default_value_t = Options::default().history_messages, value_parser = history)]
    pub(crate) history: usize,

    /// Listen on an address that other machines can reach.
    ///
    /// Any client that reaches it can read and publish everything, and have tokens signed.
    #[arg(long)]
    pub(crate) allow_remote: bool,

    /// The URL of the emulator, if it is not --host-port, as in a container: `http://emulator:8085`, with TLS https://.
    ///
    /// It is the issuer of tokens and the base of the URLs of the keys. The emulator accepts its host name, too.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,

    /// Serve TLS with a generated certificate, and write it to this file, for clients to trust.
    ///
    /// It is generated at each start, for localhost, 127.0.0.1, ::1 and the host of --public-url. Requests without TLS are refused.
    #[arg(long, value_name = "FILE", conflicts_with = "tls_cert")]
    pub(crate) tls: Option<PathBuf>,

    /// Serve TLS with the certificate of this PEM file, and those between it and its authority.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The PEM file of its private key.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// The log filter: a level, or directives such as `emulator=debug` for a line for each push.
    #[arg(long, value_name = "FILTER", default_value = "emulator=info", value_parser = filter)]
    pub(crate) log: EnvFilter,
}

/// The default project.
pub(crate) const DEFAULT_PROJECT: &str = "local";
/// The largest seed that JSON readers do not round.
const MAX_SEED: u64 = (1 << 53) - 1;

/// The pace of pushes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum PaceName {
    /// As Google's: with slow start, and pauses of a whole subscription after failures
    Google,
    /// As fast as endpoints allow
    Eager,
}

impl Arguments {
    pub(crate) fn pace(&self) -> emulator::Pace {
        if self.eager || self.pace == PaceName::Eager {
            emulator::Pace::Eager
        } else {
            emulator::Pace::Google
        }
    }

    pub(crate) fn tls(&self) -> Option<Tls> {
        let generated = self.tls.as_ref().map(|_| Tls::Generated);
        let files = self.tls_cert.clone().zip(self.tls_key.clone());
        generated.or(files.map(|(certificate, key)| Tls::Files { certificate, key }))
    }
}

fn resolve(host_port: &str) -> Result<SocketAddr, String> {
    let mut addresses = host_port.to_socket_addrs().map_err(|error| {
        format!("{error}: expected HOST:PORT, such as 127.0.0.1:8085 or [::1]:8085")
    })?;
    addresses
        .next()
        .ok_or_else(|| "the host has no address".to_owned())
}

fn project(id: &str) -> Result<String, String> {
    let checked = emulator::check_project(id);
    checked.map_err(|error| error.to_string())?;
    Ok(id.to_owned())
}

fn service(url: &str) -> Result<String, String> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(['?', '#', '@']) => Ok(url.to_owned()),
        _ => Err("expected a URL such as http://127.0.0.1:8080".to_owned()),
    }
}

fn history(messages: &str) -> Result<usize, String> {
    let fits = |messages: &usize| *messages <= MAX_HISTORY_MESSAGES;
    let messages = messages.parse().ok().filter(fits);
    messages.ok_or_else(|| format!("expected a number of messages, up to {MAX_HISTORY_MESSAGES}"))
}

fn faults(json: &str) -> Result<Faults, String> {
    let faults: Faults = json
        .parse()
        .map_err(|error: serde_json::Error| error.to_string())?;
    faults.check().map_err(|error| error.to_string())?;
    Ok(faults)
}

/// Parses a log filter. A single word that is not a level is rejected: it would be read as the name of a module, and a
/// mistyped level would log nothing.
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
    fn a_filter_that_would_be_ignored_is_rejected() {
        check("debug", true);
        check("emulator=debug,hyper=warn", true);
        check("warn,emulator=trace", true);
        check("loud", false);
        check("emulator=loud", false);
    }

    #[test]
    fn a_service_is_a_url_without_a_query() {
        for (url, good) in [
            ("http://127.0.0.1:8080", true),
            ("https://shop.example/base/", true),
            ("127.0.0.1:8080", false),
            ("http://", false),
            ("http://shop.example/?a", false),
        ] {
            assert_eq!(service(url).is_ok(), good, "{url}");
        }
    }

    #[test]
    fn the_pace_has_two_names() {
        let pace = |arguments: &[&str]| {
            let all = ["emulator"].iter().chain(arguments);
            Arguments::try_parse_from(all).map(|arguments| arguments.pace())
        };
        assert_eq!(pace(&[]).unwrap(), emulator::Pace::Google);
        assert_eq!(pace(&["--eager"]).unwrap(), emulator::Pace::Eager);
        assert_eq!(pace(&["--pace", "eager"]).unwrap(), emulator::Pace::Eager);
        assert!(pace(&["--pace", "google", "--eager"]).is_err());
    }
}
