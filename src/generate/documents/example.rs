//! Messages for the documents.

use std::collections::BTreeMap;

use super::markdown::{code, fence, joined, text};
use crate::subscriber::Example;

/// Returns the example in full: a line with its title and attributes, and its data.
pub(super) fn blocks(example: &Example) -> [String; 2] {
    let title = text(&example.title);
    let heading = match attributes(&example.attributes) {
        none if none.is_empty() => format!("Example: {title}"),
        attributes => format!("Example: {title}, with the attributes {attributes}"),
    };
    [heading, data(&example.data)]
}

/// Returns the attributes in one line, which is empty without any.
pub(super) fn attributes(attributes: &BTreeMap<String, String>) -> String {
    let pairs = attributes.iter();
    joined(pairs.map(|(name, value)| format!("{} = {}", code(name), code(value))))
}

/// Returns pretty JSON, other texts unchanged, and the number of bytes of binary data.
pub(super) fn data(data: &[u8]) -> String {
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
