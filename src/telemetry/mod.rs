//! Logs to stderr, one line for each event, as text or as JSON for Cloud Logging.

#[cfg(test)]
pub(crate) mod captured;
mod cloud_logging;
pub(crate) mod export;
mod failures;
pub(crate) mod figures;
mod lines;
pub(crate) mod metrics;
pub(crate) mod otlp;
mod queue;
pub(crate) mod spans;

use std::io::IsTerminal;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use self::cloud_logging::{CloudLogging, SpanFields};
use self::lines::Lines;
use crate::environment::Environment;

/// The target of the handlers' spans.
pub(crate) const HANDLERS: &str = "pushgate::handler";

/// Starts logging. The format on Cloud Run, which sets `K_SERVICE` (Google, *Container runtime contract*), is JSON. Invalid
/// settings of the log have their default here, and are reported later with all other settings.
pub(crate) fn install(environment: &Environment, default_filter: &str) -> Log {
    let is_json = wants_json(environment);
    let configured = environment.get("PUSHGATE_LOG").and_then(filter);
    let filter = with_handlers(configured.unwrap_or_else(|| EnvFilter::new(default_filter)));
    let lines = Lines::to(std::io::stderr(), |lines| {
        tracing::warn!(
            lines,
            "log lines were dropped: stderr is not read fast enough"
        );
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Arc::clone(&lines))
        // Otherwise a log line panics if its reader has closed the pipe.
        .log_internal_errors(false);
    let is_coloured = std::io::stderr().is_terminal() && environment.get("NO_COLOR").is_none();
    // A test may have installed its own subscriber, which stays.
    let _ = if is_json {
        tracing::subscriber::set_global_default(
            builder
                .fmt_fields(SpanFields)
                .event_format(CloudLogging {
                    service: environment
                        .get("K_SERVICE")
                        .unwrap_or("pushgate")
                        .to_owned(),
                    revision: environment.get("K_REVISION").map(str::to_owned),
                })
                .finish(),
        )
    } else {
        tracing::subscriber::set_global_default(
            builder.with_target(false).with_ansi(is_coloured).finish(),
        )
    };
    Log(lines)
}

/// The log of a command. Its last lines are written when it is dropped.
#[must_use]
pub(crate) struct Log(Arc<Lines>);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Returns true if the log is JSON in this environment.
pub(crate) fn wants_json(environment: &Environment) -> bool {
    let is_on_cloud_run = environment.get("K_SERVICE").is_some();
    environment
        .get("PUSHGATE_LOG_FORMAT")
        .and_then(is_json)
        .unwrap_or(is_on_cloud_run)
}

/// Parses a level or filter directives. A single word that is not a level is rejected: as the name of a target it would disable
/// all other logs.
pub(crate) fn filter(directives: &str) -> Option<EnvFilter> {
    let is_lone_word = !directives.contains(['=', ',', ':']);
    let is_level = || directives.parse::<LevelFilter>().is_ok();
    if is_lone_word && !is_level() {
        None
    } else {
        EnvFilter::try_new(directives).ok()
    }
}

/// Enables the handlers' spans in any filter, since the handlers' lines need their fields.
pub(crate) fn with_handlers(filter: EnvFilter) -> EnvFilter {
    match format!("{HANDLERS}=error").parse() {
        Ok(spans) if filter.max_level_hint() != Some(LevelFilter::OFF) => {
            filter.add_directive(spans)
        }
        _ => filter,
    }
}

/// Returns true for `json`, false for `text` and `None` for another format.
pub(crate) fn is_json(format: &str) -> Option<bool> {
    match format {
        "json" => Some(true),
        "text" => Some(false),
        _ => None,
    }
}

/// Logs only the location of a panic, since its message may contain a payload.
pub(crate) fn hide_panic_messages() {
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => {
            tracing::error!(file = place.file(), line = place.line(), "panic at {place}");
        }
        None => tracing::error!("panic at an unknown location"),
    }));
}
