//! Durations in the form of Google's JSON.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration in Google's JSON (*ProtoJSON format*, `Duration`).
pub(crate) struct Seconds(pub(crate) Duration);

/// Serializes a field as [`Seconds`].
pub(super) fn seconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    Seconds(*duration).serialize(serializer)
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, milliseconds) = (self.0.as_secs(), self.0.subsec_millis());
        // Declarations have milliseconds at most; limits are shares of them, for which a millisecond is enough.
        if milliseconds == 0 {
            write!(f, "{seconds}s")
        } else {
            write!(f, "{seconds}.{milliseconds:03}s")
        }
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let number = text
            .strip_suffix('s')
            .and_then(|number| number.parse().ok());
        let duration = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
        duration.map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no duration, expected seconds such as \"600s\""
            ))
        })
    }
}

impl JsonSchema for Seconds {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^[0-9]+(\.[0-9]{3})?s$", "description": "Seconds, as in \"600s\"."})
    }
}
