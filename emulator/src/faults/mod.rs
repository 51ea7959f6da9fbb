//! Faults of one subscription that a careful receiver must survive; the same seed gives the same faults.
//!
//! [`Faults`] are the settings, [`Plan`] is the result for one delivery, and [`BurstGate`] withholds messages until enough
//! of them are there. Nothing here acts: the delivery carries a plan out.
//!
//! Of the faults, `duplicate`, `delay`, `reorder`, `dropAnswer` and `burst` make sense for pull, too: the message is pulled
//! once more although it was acknowledged; it cannot be pulled before its delay is over; later messages are pulled first; its
//! acknowledgement is accepted, and forgotten. `token` and `outage` are about an endpoint, and do nothing to a puller
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
use crate::object::{self, Object};

/// The largest seed: JSON numbers above it are rounded by many readers.
pub(crate) const MAX_SEED: u64 = (1 << 53) - 1;
const LONGEST_DELAY: Duration = Duration::from_secs(600);

/// The faults of one subscription. Probabilities are 0 to 1, and both ends are exact: never, and always.
///
/// The fate of a message depends on the seed, the subscription, the place of the message among all that the subscription
/// received since the faults were set, and the number of the attempt; never on time, threads or other messages. So a run
/// that failed fails again with its seed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Faults {
    /// The probability that a message is delivered once more although it was acked.
    #[serde(skip_serializing_if = "is_never")]
    pub duplicate: f64,
    /// Deliveries that come late.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub delay: Option<Delay>,
    /// The probability that a message lets later ones pass. One with an ordering key stays in its place where ordering is enabled.
    #[serde(skip_serializing_if = "is_never")]
    pub reorder: f64,
    /// The probability that the answer to a delivery is lost: the endpoint did its work, and the message is delivered again as
    /// if it had not answered. At 1 nothing is ever acked.
    #[serde(skip_serializing_if = "is_never")]
    pub drop_answer: f64,
    /// Pushes whose token must be refused.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub token: Option<TokenFault>,
    /// Messages that come in heaps.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object::optional"
    )]
    pub burst: Option<Burst>,
    /// A time in which the endpoint cannot be reached.
    #[serde(skip_serializing_if = "Outage::is_off")]
    pub outage: Outage,
    /// The seed of all decisions, up to 2⁵³ - 1; unset: the emulator's own seed, which it prints at start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Deliveries that come late, by a time between two bounds.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// The probability that a delivery is late.
    pub probability: f64,
    /// The least lateness.
    #[serde(with = "crate::resources::duration", default)]
    pub min: Duration,
    /// The most, up to 600 s.
    #[serde(with = "crate::resources::duration")]
    pub max: Duration,
}

/// A setting out of range: the field, what was found and what is expected.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field} is {found}, expected {expected}")]
pub struct FaultsError {
    /// The field as JSON names it.
    pub field: &'static str,
    /// The value that was found.
    pub found: String,
    /// The values that are allowed.
    pub expected: &'static str,
}

/// Reads them from JSON.
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

    /// Sends a bad token, or none, with this probability.
    #[must_use]
    pub fn token(mut self, probability: f64, forgery: ForgeryKind) -> Self {
        self.token = Some(TokenFault {
            probability,
            forgery,
        });
        self
    }

    /// Holds messages until `size` of them are there, but each no longer than `hold`.
    #[must_use]
    pub fn burst(mut self, size: u32, hold: Duration) -> Self {
        self.burst = Some(Burst { size, hold });
        self
    }

    /// Lets nothing reach the endpoint.
    #[must_use]
    pub fn outage(mut self, outage: Outage) -> Self {
        self.outage = outage;
        self
    }

    /// Decides by this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Returns true if no fault is set; a seed alone changes nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        let unseeded = Self {
            seed: None,
            ..self.clone()
        };
        unseeded == Self::none()
    }

    /// Settles what is left to the moment of setting: the seed, if none was given, and when an outage of a given length ends.
    /// The printed form is complete: set again, it does the same.
    #[must_use]
    pub fn begin(mut self, emulator_seed: u64, now: OffsetDateTime) -> Self {
        self.seed = Some(self.seed.unwrap_or(emulator_seed));
        self.outage = self.outage.begin(now);
        self
    }

    /// The same without an outage that is over.
    #[must_use]
    pub(crate) fn at(mut self, now: OffsetDateTime) -> Self {
        if !self.outage.is_on(now) {
            self.outage = Outage::Off;
        }
        self
    }

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// The first field that is out of range.
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

    #[test]
    fn what_is_read_is_what_the_builder_makes_and_what_is_written() {
        let built = Faults::none()
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
            .seed(7);
        assert_eq!(from_value::<Faults>(all()).unwrap(), built);
        assert_eq!(to_value(&built).unwrap(), all());
        assert_eq!(built.check(), Ok(()));
        assert_eq!(to_value(Faults::none()).unwrap(), json!({}));
        assert!(Faults::none().seed(3).is_none() && !built.is_none());
    }

    fn refused(change: Value, words: &str) {
        let found = match from_value::<Faults>(change.clone()) {
            Ok(faults) => faults.check().unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(words), "{change}: {found}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        refused(json!({"duplicates": 1}), "unknown field `duplicates`");
        refused(
            json!({"duplicate": 1.5}),
            "duplicate is 1.5, expected 0 to 1",
        );
        refused(json!({"reorder": -0.1}), "reorder is -0.1, expected 0 to 1");
        refused(json!({"dropAnswer": 2}), "dropAnswer is 2, expected 0 to 1");
        refused(
            json!({"delay": {"probability": 1, "min": "3s", "max": "2s"}}),
            "delay.min is 3s, expected at most delay.max",
        );
        refused(
            json!({"delay": {"probability": 1, "max": "601s"}}),
            "delay.max is 601s",
        );
        refused(
            json!({"delay": {"probability": 1, "max": "2"}}),
            "\"2\" is not a duration",
        );
        refused(
            json!({"token": {"probability": 3, "forgery": "expired"}}),
            "token.probability is 3",
        );
        refused(
            json!({"burst": {"size": 1, "hold": "5s"}}),
            "burst.size is 1, expected 2 to 10000",
        );
        refused(
            json!({"burst": {"size": 9, "hold": "0s"}}),
            "burst.hold is 0s",
        );
        refused(
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
