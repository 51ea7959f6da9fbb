//! Logs: one line an event to stderr, as text for people or as JSON for Cloud Logging.

mod cloud_logging;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;

use self::cloud_logging::CloudLogging;
use crate::state::Environment;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    #[error(
        "PUSHGATE_LOG is {found:?}, expected a level (error, warn, info, debug, trace) or filter directives"
    )]
    Filter {
        found: String,
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("PUSHGATE_LOG_FORMAT is {0:?}, expected json or text")]
    Format(String),
}

/// Begins logging. On Cloud Run, which sets `K_SERVICE` (Google, *Container runtime contract*), as JSON.
pub(crate) fn install(
    environment: &Environment,
    default_filter: &str,
) -> Result<(), TelemetryError> {
    let is_json = match environment.get("PUSHGATE_LOG_FORMAT") {
        Some("json") => true,
        Some("text") => false,
        None => environment.get("K_SERVICE").is_some(),
        Some(other) => return Err(TelemetryError::Format(other.to_owned())),
    };
    let directives = environment.get("PUSHGATE_LOG").unwrap_or(default_filter);
    let filter = EnvFilter::try_new(directives).map_err(|source| TelemetryError::Filter {
        found: directives.to_owned(),
        source,
    })?;
    let builder: SubscriberBuilder<_, _, EnvFilter, _> = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Whoever logs already (a test) goes on doing so.
    let _ = if is_json {
        tracing::subscriber::set_global_default(builder.event_format(CloudLogging).finish())
    } else {
        tracing::subscriber::set_global_default(builder.with_target(false).finish())
    };
    Ok(())
}

/// Logs only the place of a panic, since its message may hold a payload.
pub(crate) fn hide_panic_messages() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!("panic at {place}");
    }));
}
