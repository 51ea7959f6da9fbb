//! The faults of one delivery.

use std::time::Duration;

use time::OffsetDateTime;

use super::Faults;
use super::chance::Place;
use super::token::TokenChoice;

/// The most later messages that may pass a message.
const MOST_TO_PASS: usize = 10;

/// The faults of one delivery of one message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plan {
    /// The delay of the delivery after its due time.
    pub delay: Duration,
    /// True if the message is delivered once more after its ack. It is the same for all attempts of a message. The
    /// repetition is not repeated.
    pub duplicate: bool,
    /// True if the answer is lost, and the delivery counts as unanswered.
    pub drop_answer: bool,
    /// The token of the push, if the subscription has one.
    pub token: TokenChoice,
    /// True if the delivery fails as if the endpoint refused the connection.
    pub unreachable: bool,
    /// The number of later messages that are delivered first, if there are any; 0 for none. Only for the first attempt, and
    /// not for messages that keep their order.
    pub lets_pass: usize,
}

impl Plan {
    /// A delivery without faults.
    pub const FAULTLESS: Self = Self {
        delay: Duration::ZERO,
        duplicate: false,
        drop_answer: false,
        token: TokenChoice::Good,
        unreachable: false,
        lets_pass: 0,
    };

    /// Returns the same plan without faults of an endpoint.
    #[must_use]
    pub fn for_pull(self) -> Self {
        Self {
            token: TokenChoice::Good,
            unreachable: false,
            ..self
        }
    }

    /// Returns the same plan for a message that must keep its place.
    #[must_use]
    pub fn in_order(self) -> Self {
        Self {
            lets_pass: 0,
            ..self
        }
    }
}

impl Faults {
    /// Plans the faults of an attempt, starting with 1, to deliver the `nth` message since the faults were set. The plan
    /// depends on nothing else, except that outages depend on the clock.
    #[must_use]
    pub fn plan(&self, subscription: &str, nth: u64, attempt: u32, now: OffsetDateTime) -> Plan {
        let delivery = Place {
            seed: self.seed.unwrap_or_default(),
            subscription,
            nth,
            attempt,
        };
        let message = Place {
            attempt: 0,
            ..delivery
        };
        Plan {
            delay: self.lateness(delivery),
            duplicate: message.happens("duplicate", self.duplicate),
            drop_answer: delivery.happens("drop answer", self.drop_answer),
            token: self.choose_token(delivery),
            unreachable: self.outage.is_on(now),
            lets_pass: self.passing(message, attempt),
        }
    }

    fn lateness(&self, delivery: Place<'_>) -> Duration {
        match self.delay {
            Some(delay) if delivery.happens("delay", delay.probability) => {
                delivery.between("lateness", delay.min, delay.max)
            }
            _ => Duration::ZERO,
        }
    }

    fn choose_token(&self, delivery: Place<'_>) -> TokenChoice {
        match self.token {
            Some(fault) if delivery.happens("token", fault.probability) => {
                fault.forgery.choose(delivery)
            }
            _ => TokenChoice::Good,
        }
    }

    fn passing(&self, message: Place<'_>, attempt: u32) -> usize {
        if attempt > 1 || !message.happens("reorder", self.reorder) {
            return 0;
        }
        1 + message.below("passing", MOST_TO_PASS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{ForgeryKind, Outage};
    use crate::issuer::Forgery;
    use proptest::prelude::*;

    const SUBSCRIPTION: &str = "projects/shop/subscriptions/billing";
    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
    const SECOND: Duration = Duration::from_secs(1);

    fn faults(probability: f64) -> Faults {
        Faults::none()
            .duplicate(probability)
            .delay(probability, SECOND, 3 * SECOND)
            .reorder(probability)
            .drop_answer(probability)
            .token(probability, ForgeryKind::Any)
    }

    /// Returns, for each kind of fault in the order of `Faults`, true if it occurs.
    fn happened(plan: &Plan) -> [bool; 5] {
        [
            plan.duplicate,
            !plan.delay.is_zero(),
            plan.lets_pass > 0,
            plan.drop_answer,
            plan.token != TokenChoice::Good,
        ]
    }

    fn plans(faults: &Faults, subscription: &str, count: u64) -> Vec<Plan> {
        let messages = 0..count;
        messages
            .map(|nth| faults.plan(subscription, nth, 1, NOW))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_same_seed_gives_the_same_plans_in_any_order(seed in 0_u64..1 << 53, from in 0_u64..1 << 60, probability in 0.0..=1.0) {
            let (one, other) = (faults(probability).seed(seed), faults(probability).seed(seed));
            let forward: Vec<Plan> = (from..from + 50).map(|nth| one.plan(SUBSCRIPTION, nth, 2, NOW)).collect();
            let mut backward: Vec<Plan> = (from..from + 50).rev().map(|nth| other.plan(SUBSCRIPTION, nth, 2, NOW)).collect();
            backward.reverse();
            prop_assert_eq!(forward, backward);
        }

        #[test]
        fn another_seed_subscription_or_attempt_gives_other_plans(seed in 0_u64..1 << 52) {
            let faults = faults(0.5).seed(seed);
            let usual = plans(&faults, SUBSCRIPTION, 64);
            prop_assert_ne!(&usual, &plans(&faults.clone().seed(seed + 1), SUBSCRIPTION, 64));
            prop_assert_ne!(&usual, &plans(&faults, "projects/shop/subscriptions/mail", 64));
            let second: Vec<Plan> = (0..64).map(|nth| faults.plan(SUBSCRIPTION, nth, 2, NOW)).collect();
            prop_assert_ne!(&usual, &second);
        }

        #[test]
        fn a_probability_of_zero_is_never(seed in 0_u64..1 << 53, nth in any::<u64>()) {
            let never = faults(0.0).seed(seed).plan(SUBSCRIPTION, nth, 1, NOW);
            prop_assert_eq!(never, Plan::FAULTLESS);
        }

        #[test]
        fn a_probability_of_one_is_always(seed in 0_u64..1 << 53, nth in any::<u64>()) {
            let always = faults(1.0).seed(seed).plan(SUBSCRIPTION, nth, 1, NOW);
            prop_assert_eq!(happened(&always), [true; 5]);
            prop_assert!((SECOND..=3 * SECOND).contains(&always.delay));
            prop_assert!((1..=MOST_TO_PASS).contains(&always.lets_pass));
        }
    }

    #[test]
    fn probabilities_hold_over_a_hundred_thousand_messages() {
        for probability in [0.01, 0.3, 0.5, 0.9] {
            let mut counts = [0_u32; 5];
            for plan in plans(&faults(probability).seed(42), SUBSCRIPTION, 100_000) {
                for (count, happened) in counts.iter_mut().zip(happened(&plan)) {
                    *count += u32::from(happened);
                }
            }
            // Five standard deviations: a fair draw exceeds them once in a million times.
            let deviation = (100_000.0 * probability * (1.0 - probability)).sqrt();
            for count in counts {
                let distance = (f64::from(count) - 100_000.0 * probability).abs();
                assert!(distance < 5.0 * deviation, "{probability}: {counts:?}");
            }
        }
    }

    #[test]
    fn kinds_of_faults_do_not_go_together() {
        let plans = plans(&faults(0.5).seed(1), SUBSCRIPTION, 10_000);
        let happened: Vec<[bool; 5]> = plans.iter().map(happened).collect();
        for (one, other) in [(0, 1), (0, 2), (1, 3), (3, 4), (2, 4)] {
            let both = happened.iter().filter(|each| each[one] && each[other]);
            let both = both.count();
            assert!((2_250..2_750).contains(&both), "{one} and {other}: {both}");
        }
    }

    #[test]
    fn delays_are_spread_over_their_bounds() {
        let plans = plans(&faults(1.0), SUBSCRIPTION, 10_000);
        let early = plans.iter().filter(|plan| plan.delay < 2 * SECOND).count();
        assert!((4_750..5_250).contains(&early), "{early}");
    }

    #[test]
    fn every_forgery_comes_if_any_will_do() {
        let plans = plans(&faults(1.0), SUBSCRIPTION, 1_000);
        let chosen = |choice| plans.iter().any(|plan| plan.token == choice);
        assert!(chosen(TokenChoice::Missing));
        for forgery in Forgery::ALL {
            assert!(chosen(TokenChoice::Forged(forgery)), "{forgery:?}");
        }
    }

    #[test]
    fn a_message_has_one_fate_where_attempts_share_it() {
        let faults = faults(0.5).seed(5);
        for nth in 0..100 {
            let (first, third) = (
                faults.plan(SUBSCRIPTION, nth, 1, NOW),
                faults.plan(SUBSCRIPTION, nth, 3, NOW),
            );
            assert_eq!(first.duplicate, third.duplicate);
            assert_eq!(third.lets_pass, 0);
        }
    }

    #[test]
    fn pulls_know_neither_tokens_nor_endpoints() {
        let faults = faults(1.0).outage(Outage::On);
        let plan = faults.plan(SUBSCRIPTION, 0, 1, NOW);
        assert!(plan.unreachable);
        let pulled = plan.for_pull();
        assert_eq!(pulled.token, TokenChoice::Good);
        assert!(!pulled.unreachable);
        assert!(pulled.duplicate && pulled.drop_answer && pulled.lets_pass > 0);
        assert_eq!(plan.in_order().lets_pass, 0);
    }

    /// These numbers must never change: a noted seed must produce the same faults in later versions.
    #[test]
    fn a_seed_that_was_noted_down_keeps_its_meaning() {
        let place = Place {
            seed: 1,
            subscription: SUBSCRIPTION,
            nth: 2,
            attempt: 3,
        };
        assert_eq!(place.draw("duplicate"), 524_442_186_581_906_871);
    }
}
