//! Pub/Sub's limits of a message, found before it is sent.

use std::collections::BTreeMap;

use super::PublishError;

/// The data, and a publish request with all that is in it (Google, *Quotas and limits*).
const MESSAGE_BYTES: usize = 10_000_000;
const ATTRIBUTES: usize = 100;
const NAME_BYTES: usize = 256;
const VALUE_BYTES: usize = 1_024;
/// (Google, *Order messages*.)
const ORDERING_KEY_BYTES: usize = 1_024;
/// The fields' own tags and lengths in the request; more than they need.
const FRAMING_BYTES: usize = 64;

/// Checks what is sent against the limits; gives the size of its request in bytes, more or less.
pub(super) fn check(
    data: &[u8],
    attributes: &BTreeMap<String, String>,
    ordering_key: &str,
) -> Result<usize, PublishError> {
    at_most("the data", data.len(), MESSAGE_BYTES, "bytes")?;
    at_most("the message", attributes.len(), ATTRIBUTES, "attributes")?;
    at_most(
        "the ordering key",
        ordering_key.len(),
        ORDERING_KEY_BYTES,
        "bytes",
    )?;
    let mut bytes = data.len() + ordering_key.len() + FRAMING_BYTES;
    for (name, value) in attributes {
        check_name(name)?;
        let what = format!("the value of attribute {name:?}");
        at_most(&what, value.len(), VALUE_BYTES, "bytes")?;
        bytes += name.len() + value.len();
    }
    at_most(
        "the message with its attributes",
        bytes,
        MESSAGE_BYTES + FRAMING_BYTES,
        "bytes",
    )?;
    Ok(bytes)
}

/// Names with `goog` are Google's; those with `googclient_` its client libraries set for everybody.
fn check_name(name: &str) -> Result<(), PublishError> {
    let fault = if name.is_empty() {
        "has no name"
    } else if name.starts_with("goog") && !name.starts_with("googclient_") {
        "begins with \"goog\", which is reserved"
    } else if name.len() > NAME_BYTES {
        // The name itself may be long, and is data of a kind.
        return at_most("the name of an attribute", name.len(), NAME_BYTES, "bytes");
    } else {
        return Ok(());
    };
    Err(PublishError::Attribute {
        name: name.to_owned(),
        fault,
    })
}

fn at_most(what: &str, found: usize, most: usize, unit: &'static str) -> Result<(), PublishError> {
    if found <= most {
        return Ok(());
    }
    Err(PublishError::TooLarge {
        what: what.to_owned(),
        found,
        most,
        unit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(data_bytes: usize, pairs: &[(String, String)], key_bytes: usize) -> String {
        let attributes = pairs.iter().cloned().collect();
        match check(&vec![b'0'; data_bytes], &attributes, &"k".repeat(key_bytes)) {
            Ok(_) => "fits".into(),
            Err(error) => error.to_string(),
        }
    }

    fn one(name: &str, value: &str) -> String {
        verdict(1, &[(name.into(), value.into())], 0)
    }

    #[test]
    fn a_message_at_the_limits_fits_and_one_byte_more_does_not() {
        let many = |count: usize| -> Vec<_> {
            (0..count)
                .map(|each| (each.to_string(), String::new()))
                .collect()
        };
        let table = [
            (verdict(10_000_000, &[], 0), "fits"),
            (
                verdict(10_000_001, &[], 0),
                "the data has 10000001 bytes, at most 10000000 are allowed",
            ),
            (
                verdict(9_999_999, &[("a".into(), "bc".into())], 0),
                "the message with its attributes has",
            ),
            (verdict(1, &many(100), 0), "fits"),
            (
                verdict(1, &many(101), 0),
                "the message has 101 attributes, at most 100 are allowed",
            ),
            (verdict(1, &[], 1_024), "fits"),
            (verdict(1, &[], 1_025), "the ordering key has 1025 bytes"),
            (one(&"n".repeat(256), ""), "fits"),
            (
                one(&"n".repeat(257), ""),
                "the name of an attribute has 257 bytes",
            ),
            (one("a", &"v".repeat(1_024)), "fits"),
            (
                one("a", &"hush".repeat(257)),
                "the value of attribute \"a\" has 1028 bytes",
            ),
            (one("", "x"), "attribute \"\" has no name"),
            (
                one("google", "x"),
                "attribute \"google\" begins with \"goog\"",
            ),
            (one("googclient_traceparent", "x"), "fits"),
        ];
        for (found, expected) in table {
            assert!(
                found.starts_with(expected) && !found.contains("hush"),
                "{expected}: {found}"
            );
        }
    }
}
