//! The audit line of each dead letter that a command changes: ids and results, never data.

use std::io;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::letter::Letter;
use crate::commands::process::print_all;

/// Prints audit lines as text or as JSON.
pub(super) struct Audit {
    pub(super) is_json: bool,
}

/// One line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    time: String,
    action: &'static str,
    subscription: &'a str,
    dead_letter: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    is_done: bool,
    result: &'a str,
}

impl<'a> Entry<'a> {
    pub(super) fn new(
        action: &'static str,
        subscription: &'a str,
        letter: &'a Letter,
        result: &'a Result<String, String>,
    ) -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            time: now.format(&Rfc3339).unwrap_or_default(),
            action,
            subscription,
            dead_letter: &letter.id,
            message: letter.original_id(),
            is_done: result.is_ok(),
            result: result.as_ref().unwrap_or_else(|error| error),
        }
    }
}

impl Audit {
    pub(super) fn print(&self, entry: &Entry<'_>) -> io::Result<()> {
        if self.is_json {
            return print_all(&format!("{}\n", serde_json::to_string(entry)?));
        }
        let Entry {
            time,
            action,
            subscription,
            dead_letter,
            message,
            is_done,
            result,
        } = entry;
        let message = message.unwrap_or("unknown");
        let done = if *is_done { "done" } else { "NOT DONE" };
        print_all(&format!(
            "{time} {action} {done} subscription={subscription} dead-letter={dead_letter} message={message}: {result}\n"
        ))
    }
}
