//! Counts and latencies of the last seconds: in all, and per subscription.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::histogram::Histogram;
use crate::event::{Reply, Settlement};
use crate::history::End;
use crate::resources::name::ResourceName;

/// The number of seconds that are kept.
pub(crate) const SECONDS: i64 = 300;
/// The most subscriptions with counts by the second. Further ones count in the total only.
const MAX_SUBSCRIPTIONS: usize = 100;
/// The most subscriptions whose consecutive failures are counted.
const MAX_FAILING: usize = 10_000;
/// The seconds over which a current rate is the mean.
const RATE_SECONDS: i64 = 5;
/// The seconds whose latencies make the current percentiles.
const LATENCY_SECONDS: i64 = 60;

#[derive(Default)]
pub(super) struct Statistics {
    pub(super) all: Series,
    by_subscription: HashMap<ResourceName, Series>,
    /// Subscriptions whose last delivery failed.
    failing: HashMap<ResourceName, Failing>,
}

/// Failed deliveries of a subscription since its last acknowledgement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Failing {
    pub(crate) in_a_row: u32,
    /// The reply to the last of them.
    pub(crate) reply: Reply,
}

/// The seconds with events, the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    seconds: VecDeque<Second>,
    pub(crate) totals: Counts,
}

#[derive(Clone, Debug)]
struct Second {
    at: i64,
    counts: Counts,
    latencies: Histogram,
}

/// Counts of events. `deliveries` counts the started pushes and pulls.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) published: u64,
    pub(crate) deliveries: u64,
    pub(crate) acks: u64,
    pub(crate) nacks: u64,
}

/// Current rates and latencies.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rates {
    /// The mean over the last whole seconds.
    pub(crate) published_per_second: f64,
    pub(crate) acks_per_second: f64,
    pub(crate) nacks_per_second: f64,
    /// The median of the last minute.
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    pub(crate) totals: Counts,
}

/// The figures of one second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SecondView {
    /// Seconds since 1970.
    pub(crate) at: i64,
    pub(crate) counts: Counts,
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
}

impl Statistics {
    pub(super) fn published(&mut self, at: i64, to: &[ResourceName]) {
        self.all.count(at, |counts| counts.published += 1);
        for subscription in to {
            self.note(subscription, at, |series| {
                series.count(at, |counts| counts.published += 1);
            });
        }
    }

    pub(super) fn started(&mut self, at: i64, subscription: &ResourceName) {
        self.all.count(at, |counts| counts.deliveries += 1);
        self.note(subscription, at, |series| {
            series.count(at, |counts| counts.deliveries += 1);
        });
    }

    pub(super) fn ended(&mut self, at: i64, subscription: &ResourceName, end: &End) {
        self.all.ended(at, end);
        self.note_failure(subscription, end);
        self.note(subscription, at, |series| series.ended(at, end));
    }

    pub(super) fn subscription(&self, name: &ResourceName) -> Option<&Series> {
        self.by_subscription.get(name)
    }

    /// Returns the current rates of a subscription, or `None` if too many others are counted.
    pub(super) fn rates(&self, name: &ResourceName, now: i64) -> Option<Rates> {
        match self.by_subscription.get(name) {
            Some(series) => Some(series.rates(now)),
            None if self.by_subscription.len() < MAX_SUBSCRIPTIONS => Some(Rates::default()),
            None => None,
        }
    }

    pub(super) fn failing(&self, name: &ResourceName) -> Option<Failing> {
        self.failing.get(name).copied()
    }

    /// Forgets a deleted subscription, since the next one may have its name.
    pub(super) fn forget(&mut self, name: &ResourceName) {
        self.by_subscription.remove(name);
        self.failing.remove(name);
    }

    /// Forgets the failures of a subscription that is pushed elsewhere from now on.
    pub(super) fn forget_failures(&mut self, name: &ResourceName) {
        self.failing.remove(name);
    }

    fn note_failure(&mut self, name: &ResourceName, end: &End) {
        if end.settlement == Settlement::Acked {
            self.failing.remove(name);
        } else if let Some(failing) = self.failing.get_mut(name) {
            failing.in_a_row = failing.in_a_row.saturating_add(1);
            failing.reply = end.reply;
        } else if self.failing.len() < MAX_FAILING {
            let first = Failing {
                in_a_row: 1,
                reply: end.reply,
            };
            self.failing.insert(name.clone(), first);
        }
    }

    /// Changes the series of a subscription, if there is room for it: the number of subscriptions that were active in the
    /// last minutes is bounded.
    fn note(&mut self, name: &ResourceName, now: i64, change: impl FnOnce(&mut Series)) {
        if let Some(series) = self.by_subscription.get_mut(name) {
            return change(series);
        }
        if self.by_subscription.len() >= MAX_SUBSCRIPTIONS {
            self.by_subscription
                .retain(|_, series| series.is_recent(now));
        }
        if self.by_subscription.len() < MAX_SUBSCRIPTIONS {
            change(self.by_subscription.entry(name.clone()).or_default());
        }
    }
}

impl Series {
    fn count(&mut self, at: i64, change: impl Fn(&mut Counts)) {
        change(&mut self.totals);
        self.note(at, |second| change(&mut second.counts));
    }

    fn ended(&mut self, at: i64, end: &End) {
        if end.settlement == Settlement::Acked {
            self.count(at, |counts| counts.acks += 1);
        } else {
            self.count(at, |counts| counts.nacks += 1);
        }
        // The duration of an unanswered push is not a latency.
        if let (Reply::Status(_), Some(latency)) = (end.reply, end.latency) {
            self.note(at, |second| second.latencies.record(latency));
        }
    }

    /// Changes the counts of a second. If the clock was set back, the event counts for the latest second.
    fn note(&mut self, at: i64, change: impl FnOnce(&mut Second)) {
        if self.seconds.back().is_none_or(|latest| latest.at < at) {
            while self
                .seconds
                .front()
                .is_some_and(|first| first.at <= at - SECONDS)
            {
                self.seconds.pop_front();
            }
            self.seconds.push_back(Second {
                at,
                counts: Counts::default(),
                latencies: Histogram::default(),
            });
        }
        if let Some(latest) = self.seconds.back_mut() {
            change(latest);
        }
    }

    fn is_recent(&self, now: i64) -> bool {
        self.seconds
            .back()
            .is_some_and(|second| second.at > now - SECONDS)
    }

    /// Returns the seconds with events, the oldest first.
    pub(crate) fn seconds(&self, now: i64) -> Vec<SecondView> {
        let recent = self
            .seconds
            .iter()
            .filter(|second| second.at > now - SECONDS);
        let view = |second: &Second| SecondView {
            at: second.at,
            counts: second.counts,
            p50: second.latencies.percentile(0.5),
            p99: second.latencies.percentile(0.99),
        };
        recent.map(view).collect()
    }

    pub(crate) fn rates(&self, now: i64) -> Rates {
        let mut latencies = Histogram::default();
        let seconds = self.seconds.iter().rev();
        let recent = seconds.take_while(|second| second.at > now - LATENCY_SECONDS);
        recent.for_each(|second| latencies.add(&second.latencies));
        Rates {
            published_per_second: self.rate(now, |counts| counts.published),
            acks_per_second: self.rate(now, |counts| counts.acks),
            nacks_per_second: self.rate(now, |counts| counts.nacks),
            p50: latencies.percentile(0.5),
            p99: latencies.percentile(0.99),
            totals: self.totals,
        }
    }

    fn rate(&self, now: i64, of: impl Fn(&Counts) -> u64) -> f64 {
        let window = now - RATE_SECONDS..now;
        let seconds = self.seconds.iter().rev();
        let recent = seconds.take_while(|second| second.at >= window.start);
        let whole = recent.filter(|second| window.contains(&second.at));
        let sum: u64 = whole.map(|second| of(&second.counts)).sum();
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let rate = sum as f64 / RATE_SECONDS as f64;
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(settlement: Settlement) -> End {
        End {
            reply: Reply::Status(500),
            reason: None,
            latency: Some(Duration::from_millis(5)),
            answer: None,
            settlement,
        }
    }

    fn name(id: &str) -> ResourceName {
        ResourceName::subscription(&format!("projects/shop/subscriptions/{id}")).unwrap()
    }

    #[test]
    fn seconds_are_kept_for_five_minutes() {
        let mut statistics = Statistics::default();
        for at in 0..1_000 {
            statistics.published(at, &[name("billing")]);
        }
        let seconds = statistics.all.seconds(999);
        assert_eq!(seconds.len(), 300);
        assert_eq!(seconds[0].at, 700);
        assert_eq!(statistics.all.totals.published, 1_000);
        assert_eq!(statistics.all.seconds(10_000), []);
    }

    #[test]
    fn a_clock_that_is_set_back_loses_nothing() {
        let mut statistics = Statistics::default();
        statistics.published(100, &[]);
        statistics.published(90, &[]);
        assert_eq!(statistics.all.seconds(100)[0].counts.published, 2);
    }

    #[test]
    fn failures_in_a_row_end_with_an_ack() {
        let mut statistics = Statistics::default();
        let billing = name("billing");
        let again = Settlement::Again {
            after: Duration::ZERO,
        };
        (0..3).for_each(|at| statistics.ended(at, &billing, &end(again.clone())));
        let failing = Failing {
            in_a_row: 3,
            reply: Reply::Status(500),
        };
        assert_eq!(statistics.failing(&billing), Some(failing));
        statistics.ended(4, &billing, &end(Settlement::Acked));
        assert_eq!(statistics.failing(&billing), None);
        let totals = statistics.subscription(&billing).unwrap().totals;
        assert_eq!(totals.nacks, 3);
        assert_eq!(totals.acks, 1);
    }

    #[test]
    fn failures_are_known_of_more_subscriptions_than_seconds() {
        let mut statistics = Statistics::default();
        let again = Settlement::Again {
            after: Duration::ZERO,
        };
        let last = name(&format!("sub-{MAX_SUBSCRIPTIONS}"));
        for each in 0..=MAX_SUBSCRIPTIONS {
            statistics.ended(0, &name(&format!("sub-{each}")), &end(again.clone()));
        }
        assert!(statistics.failing(&last).is_some());
        assert!(statistics.rates(&last, 0).is_none());
        assert!(statistics.rates(&name("sub-0"), 0).is_some());
    }

    #[test]
    fn a_deleted_subscription_leaves_nothing_to_its_namesake() {
        let mut statistics = Statistics::default();
        statistics.ended(0, &name("billing"), &end(Settlement::Elsewhere));
        statistics.forget(&name("billing"));
        assert_eq!(statistics.failing(&name("billing")), None);
        assert!(statistics.subscription(&name("billing")).is_none());
    }

    #[test]
    fn failures_can_be_forgotten_without_the_totals() {
        let mut statistics = Statistics::default();
        statistics.ended(0, &name("billing"), &end(Settlement::Elsewhere));
        statistics.forget_failures(&name("billing"));
        assert_eq!(statistics.failing(&name("billing")), None);
        assert!(statistics.subscription(&name("billing")).is_some());
    }

    #[test]
    fn only_an_answer_has_a_latency() {
        let mut statistics = Statistics::default();
        let lost = End {
            reply: Reply::NoAnswer,
            ..end(Settlement::Elsewhere)
        };
        statistics.ended(0, &name("billing"), &lost);
        assert_eq!(statistics.all.rates(1).p99, None);
        statistics.ended(0, &name("billing"), &end(Settlement::Elsewhere));
        assert!(statistics.all.rates(1).p99.is_some());
    }

    #[test]
    fn idle_subscriptions_make_room_for_busy_ones() {
        let mut statistics = Statistics::default();
        for each in 0..MAX_SUBSCRIPTIONS {
            statistics.started(0, &name(&format!("sub-{each}")));
        }
        statistics.started(1, &name("billing"));
        assert!(statistics.subscription(&name("billing")).is_none());
        statistics.started(SECONDS, &name("billing"));
        assert!(statistics.subscription(&name("billing")).is_some());
    }

    #[test]
    fn a_rate_is_the_mean_of_whole_seconds() {
        let mut statistics = Statistics::default();
        for at in 10..=15 {
            (0..10).for_each(|_| statistics.published(at, &[]));
        }
        assert_eq!(statistics.all.rates(15).published_per_second, 10.0);
        assert_eq!(statistics.all.rates(17).published_per_second, 8.0);
    }
}
