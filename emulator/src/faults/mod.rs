//! Faults of one subscription that a careful receiver must survive. The same seed produces the same faults.
//!
//! [`Faults`] are the settings, [`Plan`] has the faults of one delivery, and [`BurstGate`] counts withheld messages.
//! This folder only plans; `delivery/` carries out the plan.
//!
//! The faults `duplicate`, `delay`, `reorder`, `dropAnswer` and `burst` apply to pull, too. The message is pulled once more
//! although it was acknowledged; it cannot be pulled before its delay is over; later messages are pulled first; its
//! acknowledgement is accepted and ignored. `token` and `outage` concern an endpoint, and have no effect on pull
//! ([`Plan::for_pull`]).

mod burst;
mod chance;
mod outage;
mod plan;
mod token;

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use self::burst::Burst;
pub(crate) use self::burst::BurstGate;
pub use self::outage::Outage;
pub use self::plan::Plan;
pub use self::token::{ForgeryKind, TokenChoice, TokenFault};
use crate::strict_json::{self, Object};

/// The largest seed. Many readers round larger JSON numbers.
pub(crate) const MAX_SEED: u64 = (1 << 53) - 1;
const LONGEST_DELAY: Duration = Duration::from_secs(600);

/// The faults of one subscription. A probability of 0 means never, and 1 means always.
///
/// The faults of a message depend on the seed, the subscription, the number of the message since the faults were set, and
/// the delivery attempt. They do not depend on time, threads or other messages, so a failed run can be repeated with its
/// seed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Faults {
    /// The probability that a message is delivered once more although it was acked.
    #[serde(skip_serializing_if = "is_never")]
    pub duplicate: f64,
    /// Late deliveries.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "strict_json::optional"
    )]
    pub delay: Option<Delay>,
    /// The probability that a message lets later ones pass. With message ordering, a message with a key keeps its place.
    #[serde(skip_serializing_if = "is_never")]
    pub reorder: f64,
    /// The probability that the answer to a delivery is lost. The endpoint handled the message, and receives it again as if
    /// it had not answered. With 1, nothing is ever acked.
    #[serde(skip_serializing_if = "is_never")]
    pub drop_answer: f64,
    /// Pushes with an invalid token.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "strict_json::optional"
    )]
    pub token: Option<TokenFault>,
    /// Messages that arrive in bursts.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "strict_json::optional"
    )]
    pub burst: Option<Burst>,
    /// An outage of the endpoint.
    #[serde(skip_serializing_if = "Outage::is_off")]
    pub outage: Outage,
    /// The seed of all decisions, up to 2⁵³ - 1. Default: the emulator's own seed, which it prints at start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Late deliveries, and the bounds of their delay.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// The probability that a delivery is late.
    pub probability: f64,
    /// The shortest delay.
    #[serde(with = "crate::resources::duration", default)]
    pub min: Duration,
    /// The longest delay, up to 600 s.
    #[serde(with = "crate::resources::duration")]
    pub max: Duration,
}

/// A setting that is out of range.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field} is {found}, expected {expected}")]
pub struct FaultsError {
    /// The name of the field in JSON.
    pub field: &'static str,
    /// The value of the field.
    pub found: String,
    /// The allowed values.
    pub expected: &'static str,
}

/// Reads faults from JSON.
impl FromStr for Faults {
    type Err = serde_json::Error;

    fn from_str(json: &str) -> Result<Self, serde_json::Error> {
        let Object(faults) = serde_json::from_str(json)?;
        Ok(faults)
    }
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Delivers a message once more although it was acked, with this probability.
    #[must_use]
    pub fn duplicate(mut self, probability: f64) -> Self {
        self.duplicate = probability;
        self
    }

    /// Delays a delivery with this probability, by a time between `min` and `max`.
    #[must_use]
    pub fn delay(mut self, probability: f64, min: Duration, max: Duration) -> Self {
        self.delay = Some(Delay {
            probability,
            min,
            max,
        });
        self
    }

    /// Lets later messages pass with this probability.
    #[must_use]
    pub fn reorder(mut self, probability: f64) -> Self {
        self.reorder = probability;
        self
    }

    /// Loses the answer to a delivery with this probability.
    #[must_use]
    pub fn drop_answer(mut self, probability: f64) -> Self {
        self.drop_answer = probability;
        self
    }

    /// Sends an invalid token, or none, with this probability.
    #[must_use]
    pub fn token(mut self, probability: f64, forgery: ForgeryKind) -> Self {
        self.token = Some(TokenFault {
            probability,
            forgery,
        });
        self
    }

    /// Withholds messages until there are `size` of them, but each no longer than `hold`.
    #[must_use]
    pub fn burst(mut self, size: u32, hold: Duration) -> Self {
        self.burst = Some(Burst { size, hold });
        self
    }

    /// Makes the endpoint unreachable.
    #[must_use]
    pub fn outage(mut self, outage: Outage) -> Self {
        self.outage = outage;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Returns true if no fault is set. A seed alone has no effect.
    #[must_use]
    pub fn is_none(&self) -> bool {
        let unseeded = Self {
            seed: None,
            ..self.clone()
        };
        unseeded == Self::none()
    }

    /// Fixes the values that depend on the moment of setting: a default seed, and the end of an outage of a given length.
    /// So the printed form has the same effect when it is set again.
    #[must_use]
    pub fn begin(mut self, emulator_seed: u64, now: OffsetDateTime) -> Self {
        self.seed = Some(self.seed.unwrap_or(emulator_seed));
        self.outage = self.outage.begin(now);
        self
    }

    /// Returns the same faults without an outage that has ended.
    #[must_use]
    pub(crate) fn at(mut self, now: OffsetDateTime) -> Self {
        if !self.outage.is_on(now) {
            self.outage = Outage::Off;
        }
        self
    }

    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// If a field is out of range: the first such field.
    pub fn check(&self) -> Result<(), FaultsError> {
        chance::check("duplicate", self.duplicate)?;
        chance::check("reorder", self.reorder)?;
        chance::check("dropAnswer", self.drop_answer)?;
        self.delay.as_ref().map_or(Ok(()), Delay::check)?;
        self.token.as_ref().map_or(Ok(()), TokenFault::check)?;
        self.burst.as_ref().map_or(Ok(()), Burst::check)?;
        self.outage.check()?;
        match self.seed {
            Some(seed) if seed > MAX_SEED => Err(FaultsError::new(
                "seed",
                seed,
                "at most 9007199254740991, since JSON numbers above it are rounded",
            )),
            _ => Ok(()),
        }
    }
}

impl Delay {
    fn check(&self) -> Result<(), FaultsError> {
        chance::check("delay.probability", self.probability)?;
        if self.max.is_zero() || self.max > LONGEST_DELAY {
            let found = crate::resources::duration::write(self.max);
            return Err(FaultsError::new(
                "delay.max",
                found,
                "more than 0s and at most 600s",
            ));
        }
        if self.min > self.max {
            let found = crate::resources::duration::write(self.min);
            return Err(FaultsError::new("delay.min", found, "at most delay.max"));
        }
        Ok(())
    }
}

impl FaultsError {
    fn new(field: &'static str, found: impl ToString, expected: &'static str) -> Self {
        Self {
            field,
            found: found.to_string(),
            expected,
        }
    }
}

fn is_never(probability: &f64) -> bool {
    *probability == 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json, to_value};
    use time::macros::datetime;

    const SECOND: Duration = Duration::from_secs(1);

    fn all() -> Value {
        json!({
            "duplicate": 0.1,
            "delay": {"probability": 0.5, "min": "0.100s", "max": "2s"},
            "reorder": 0.2,
            "dropAnswer": 0.25,
            "token": {"probability": 1.0, "forgery": "wrong-audience"},
            "burst": {"size": 10, "hold": "5s"},
            "outage": true,
            "seed": 7,
        })
    }

    fn built() -> Faults {
        Faults::none()
            .duplicate(0.1)
            .delay(0.5, SECOND / 10, 2 * SECOND)
            .reorder(0.2)
            .drop_answer(0.25)
            .token(
                1.0,
                ForgeryKind::Forged(crate::issuer::Forgery::WrongAudience),
            )
            .burst(10, 5 * SECOND)
            .outage(Outage::On)
            .seed(7)
    }

    #[test]
    fn what_is_read_is_what_the_builder_makes() {
        assert_eq!(from_value::<Faults>(all()).unwrap(), built());
    }

    #[test]
    fn what_is_written_can_be_read() {
        assert_eq!(to_value(built()).unwrap(), all());
    }

    #[test]
    fn faults_of_all_kinds_can_be_combined() {
        assert_eq!(built().check(), Ok(()));
    }

    #[test]
    fn no_faults_are_written_as_an_empty_object() {
        assert_eq!(to_value(Faults::none()).unwrap(), json!({}));
    }

    #[test]
    fn a_seed_alone_is_no_fault() {
        assert!(Faults::none().seed(3).is_none());
        assert!(!built().is_none());
    }

    fn rejected(change: Value, words: &str) {
        let found = match from_value::<Faults>(change.clone()) {
            Ok(faults) => faults.check().unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(words), "{change}: {found}");
    }

    #[test]
    fn what_cannot_be_meant_is_rejected_by_name() {
        rejected(json!({"duplicates": 1}), "unknown field `duplicates`");
        rejected(
            json!({"duplicate": 1.5}),
            "duplicate is 1.5, expected 0 to 1",
        );
        rejected(json!({"reorder": -0.1}), "reorder is -0.1, expected 0 to 1");
        rejected(json!({"dropAnswer": 2}), "dropAnswer is 2, expected 0 to 1");
        rejected(
            json!({"delay": {"probability": 1, "min": "3s", "max": "2s"}}),
            "delay.min is 3s, expected at most delay.max",
        );
        rejected(
            json!({"delay": {"probability": 1, "max": "601s"}}),
            "delay.max is 601s",
        );
        rejected(
            json!({"delay": {"probability": 1, "max": "2"}}),
            "\"2\" is not a duration",
        );
        rejected(
            json!({"token": {"probability": 3, "forgery": "expired"}}),
            "token.probability is 3",
        );
        rejected(
            json!({"burst": {"size": 1, "hold": "5s"}}),
            "burst.size is 1, expected 2 to 10000",
        );
        rejected(
            json!({"burst": {"size": 9, "hold": "0s"}}),
            "burst.hold is 0s",
        );
        rejected(
            json!({"seed": 9_007_199_254_740_992_u64}),
            "seed is 9007199254740992",
        );
        assert!(Faults::none().duplicate(f64::NAN).check().is_err());
    }

    #[test]
    fn faults_that_have_begun_are_complete() {
        let now = datetime!(2030-01-02 03:04:05 UTC);
        let begun = Faults::none()
            .outage(Outage::For(30 * SECOND))
            .begin(9, now);
        let again: Faults = from_value(to_value(&begun).unwrap()).unwrap();
        assert_eq!(
            to_value(&begun).unwrap(),
            json!({"outage": {"until": "2030-01-02T03:04:35Z"}, "seed": 9})
        );
        assert_eq!(again.begin(10, now + SECOND), begun);
        assert_eq!(Faults::none().seed(3).begin(9, now).seed, Some(3));
    }
}
