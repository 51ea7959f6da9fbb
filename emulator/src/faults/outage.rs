//! A time in which an endpoint cannot be reached.

use std::time::Duration;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::FaultsError;
use crate::resources::duration;
use crate::resources::subscription::DAY;

const LONGEST: Duration = DAY;

/// The reachability of the endpoint. In JSON it is `true` or `false`, a duration from now (`"30s"`), or an end (`{"until":
/// "2030-01-02T03:04:05Z"}`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Outage {
    /// The endpoint is reachable.
    #[default]
    Off,
    /// It is unreachable until this setting changes.
    On,
    /// It is unreachable for this time from now, at most a day.
    For(Duration),
    /// It is unreachable until this time.
    Until(OffsetDateTime),
}

impl Outage {
    pub(super) fn is_off(&self) -> bool {
        *self == Self::Off
    }

    /// Returns true if the endpoint is unreachable at this time. An outage of a given length that has not started counts as
    /// one.
    pub(super) fn is_on(self, now: OffsetDateTime) -> bool {
        match self {
            Self::Off => false,
            Self::On | Self::For(_) => true,
            Self::Until(end) => now < end,
        }
    }

    pub(super) fn begin(self, now: OffsetDateTime) -> Self {
        match self {
            Self::For(length) => now
                .checked_add(length.try_into().unwrap_or(time::Duration::ZERO))
                .map_or(Self::On, Self::Until),
            other => other,
        }
    }

    pub(super) fn check(self) -> Result<(), FaultsError> {
        match self {
            Self::For(length) if length.is_zero() || length > LONGEST => Err(FaultsError::new(
                "outage",
                duration::write(length),
                "more than 0s and at most 86400s",
            )),
            _ => Ok(()),
        }
    }
}

impl Serialize for Outage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::On => serializer.serialize_bool(true),
            Self::For(length) => duration::serialize(length, serializer),
            Self::Until(end) => {
                let end = end.format(&Rfc3339).map_err(serde::ser::Error::custom)?;
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("until", &end)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Outage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Outage;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("true, false, a duration such as \"30s\", or {\"until\": TIME}")
    }

    fn visit_bool<E: Error>(self, is_on: bool) -> Result<Outage, E> {
        Ok(if is_on { Outage::On } else { Outage::Off })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Outage, E> {
        let length = duration::read(text).ok_or_else(|| E::custom(duration::rejection(text)))?;
        Ok(Outage::For(length))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Outage, M::Error> {
        let mut end = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "until" {
                return Err(M::Error::unknown_field(&key, &["until"]));
            }
            let text: String = map.next_value()?;
            let time = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| {
                M::Error::custom(format!(
                    "{text:?} is not a time such as \"2030-01-02T03:04:05Z\""
                ))
            })?;
            end = Some(time);
        }
        end.map(Outage::Until)
            .ok_or_else(|| M::Error::missing_field("until"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};
    use time::macros::datetime;

    const NOON: OffsetDateTime = datetime!(2030-01-02 12:00 UTC);

    fn check(written: Value, at_noon: bool, a_minute_later: bool) {
        let outage: Outage = from_value(written.clone()).unwrap();
        outage.check().unwrap();
        let begun = outage.begin(NOON);
        let later = NOON + time::Duration::minutes(1);
        assert_eq!(begun.is_on(NOON), at_noon, "{written}");
        assert_eq!(begun.is_on(later), a_minute_later, "{written}");
    }

    #[test]
    fn an_outage_lasts_for_its_length() {
        check(json!(true), true, true);
        check(json!(false), false, false);
        check(json!("60s"), true, false);
        check(json!("60.001s"), true, true);
        check(json!({"until": "2030-01-02T12:00:59Z"}), true, false);
        check(json!({"until": "2030-01-02T12:59:00+01:00"}), false, false);
    }

    #[test]
    fn what_is_no_outage_is_rejected() {
        for (written, words) in [
            (json!("soon"), "\"soon\" is not a duration"),
            (json!({"until": "noon"}), "\"noon\" is not a time"),
            (json!({"till": "noon"}), "unknown field `till`"),
            (json!({}), "missing field `until`"),
            (json!(3), "expected true, false, a duration"),
        ] {
            let error = from_value::<Outage>(written).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        assert!(Outage::For(Duration::ZERO).check().is_err());
        assert!(Outage::For(2 * DAY).check().is_err());
    }
}
