//! Logs: one line an event to stderr, as text for people or as JSON for Cloud Logging.

#[cfg(test)]
pub(crate) mod captured;
mod cloud_logging;
mod lines;

use std::io::IsTerminal;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use self::cloud_logging::{CloudLogging, SpanFields};
use self::lines::Lines;
use crate::environment::Environment;

/// The target of the spans of handlers.
pub(crate) const HANDLERS: &str = "pushgate::handler";

/// Begins logging; on Cloud Run, which sets `K_SERVICE` (Google, *Container runtime contract*), as JSON. Settings that cannot
/// be used are reported with all the others later, and until then the log is as by default.
pub(crate) fn install(environment: &Environment, default_filter: &str) -> Log {
    let format = wants_json(environment);
    let wanted = environment.get("PUSHGATE_LOG").and_then(filter);
    let filter = with_handlers(wanted.unwrap_or_else(|| EnvFilter::new(default_filter)));
    let lines = Lines::to(std::io::stderr(), |lines| {
        tracing::warn!(
            lines,
            "lines of the log were dropped: stderr is not read fast enough"
        );
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Arc::clone(&lines))
        // Otherwise a line that cannot be written, since its reader has gone, panics in whatever logs it.
        .log_internal_errors(false);
    let is_coloured = std::io::stderr().is_terminal() && environment.get("NO_COLOR").is_none();
    // Whoever logs already (a test) goes on doing so.
    let _ = if format {
        tracing::subscriber::set_global_default(
            builder
                .fmt_fields(SpanFields)
                .event_format(CloudLogging)
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

/// Whether the log is JSON in this environment.
pub(crate) fn wants_json(environment: &Environment) -> bool {
    let is_on_cloud_run = environment.get("K_SERVICE").is_some();
    environment
        .get("PUSHGATE_LOG_FORMAT")
        .and_then(is_json)
        .unwrap_or(is_on_cloud_run)
}

/// A level, or filter directives; `None` for anything else. A lone word that is no level would be taken for the name of a
/// target, and silence everything.
pub(crate) fn filter(directives: &str) -> Option<EnvFilter> {
    let is_lone_word = !directives.contains(['=', ',', ':']);
    let is_level = || directives.parse::<LevelFilter>().is_ok();
    if is_lone_word && !is_level() {
        None
    } else {
        EnvFilter::try_new(directives).ok()
    }
}

/// Lets the spans of handlers pass whatever targets the filter names, since the lines of handlers need their fields.
pub(crate) fn with_handlers(filter: EnvFilter) -> EnvFilter {
    match format!("{HANDLERS}=error").parse() {
        Ok(spans) if filter.max_level_hint() != Some(LevelFilter::OFF) => {
            filter.add_directive(spans)
        }
        _ => filter,
    }
}

/// Whether this log format is JSON; `None` for one that does not exist.
pub(crate) fn is_json(format: &str) -> Option<bool> {
    match format {
        "json" => Some(true),
        "text" => Some(false),
        _ => None,
    }
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
