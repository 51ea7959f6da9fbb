//! Messages for the documents.

use std::collections::BTreeMap;

use super::markdown::fence;
use crate::subscriber::{Example, Schedule};

/// A message in full.
pub(super) struct ExampleView<'a> {
    pub(super) title: &'a str,
    pub(super) attributes: &'a BTreeMap<String, String>,
    /// The data as Markdown.
    pub(super) block: String,
}

impl<'a> ExampleView<'a> {
    pub(super) fn of_schedule(schedule: &'a Schedule) -> Self {
        Self {
            title: "what it publishes",
            attributes: &schedule.attributes,
            block: block(&schedule.data),
        }
    }

    pub(super) fn of(example: &'a Example) -> Self {
        Self {
            title: &example.title,
            attributes: &example.attributes,
            block: block(&example.data),
        }
    }
}

/// Returns pretty JSON, other texts unchanged, and the number of bytes of binary data.
fn block(data: &[u8]) -> String {
    if let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(data) {
        json.sort_all_objects();
        let json = format!("{json:#}");
        let fence = fence(&json);
        return format!("{fence}json\n{json}\n{fence}");
    }
    match std::str::from_utf8(data) {
        Ok("") => "No data, attributes alone.".into(),
        Ok(text) => {
            let fence = fence(text);
            format!("{fence}text\n{text}\n{fence}")
        }
        Err(_) => format!("{} bytes that are no text.", data.len()),
    }
}
