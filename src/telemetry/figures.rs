//! Figures of each subscription from the exported metrics, for the status.

use std::collections::BTreeMap;

use prometheus::proto::{Metric, MetricFamily};
use serde::Serialize;

/// The deliveries of one subscription since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figures {
    /// Handled or discarded.
    pub(crate) handled: f64,
    pub(crate) duplicates: f64,
    pub(crate) dead_lettered: f64,
    /// Deliveries that Pub/Sub repeats.
    pub(crate) failed: f64,
    /// Pushes refused before their message was claimed.
    pub(crate) refused: f64,
}

/// The durations of runs, in seconds, and attempts: upper bounds of the buckets that hold them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Percentiles {
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    /// The least delivery attempts that a redelivered message had left since the start.
    pub(crate) least_attempts_left: Option<f64>,
}

/// Returns the figures by the short names of subscriptions.
pub(super) fn figures(families: &[MetricFamily]) -> BTreeMap<String, (Figures, Percentiles)> {
    let mut all = BTreeMap::<String, (Figures, Percentiles)>::new();
    for metric in metrics(families, "pushgate_deliveries_total") {
        let figures = &mut all.entry(label(metric, "subscription")).or_default().0;
        let count = metric.get_counter().get_value();
        match label(metric, "outcome").as_str() {
            "handled" | "discarded" | "handled unguarded" | "unrecorded" => {
                figures.handled += count;
            }
            "duplicate" | "ignored" => figures.duplicates += count,
            "dead-lettered" => figures.dead_lettered += count,
            _ => figures.failed += count,
        }
    }
    for metric in metrics(families, "pushgate_refusals_total") {
        let subscription = label(metric, "subscription");
        if !subscription.is_empty() {
            all.entry(subscription).or_default().0.refused += metric.get_counter().get_value();
        }
    }
    let of = "messaging_destination_subscription_name";
    for (subscription, buckets) in buckets(families, "messaging_process_duration_seconds", of) {
        let percentiles = &mut all.entry(subscription).or_default().1;
        percentiles.p50 = quantile(&buckets, 50);
        percentiles.p99 = quantile(&buckets, 99);
    }
    for (subscription, buckets) in buckets(families, "pushgate_attempts_left", "subscription") {
        let percentiles = &mut all.entry(subscription).or_default().1;
        percentiles.least_attempts_left = quantile(&buckets, 0);
    }
    all
}

/// Returns the cumulative counts of a histogram by the bounds of their buckets, for each subscription.
fn buckets(
    families: &[MetricFamily],
    name: &str,
    of: &str,
) -> BTreeMap<String, BTreeMap<u64, u64>> {
    let mut all = BTreeMap::<String, BTreeMap<u64, u64>>::new();
    for metric in metrics(families, name) {
        let buckets = all.entry(label(metric, of)).or_default();
        for bucket in metric.get_histogram().get_bucket() {
            let bound = bucket.upper_bound().to_bits(); // in the order of the bounds, which are not negative
            *buckets.entry(bound).or_default() += bucket.cumulative_count();
        }
    }
    all
}

fn metrics<'a>(families: &'a [MetricFamily], name: &str) -> impl Iterator<Item = &'a Metric> {
    let named = families.iter().filter(move |family| family.name() == name);
    named.flat_map(MetricFamily::get_metric)
}

fn label(metric: &Metric, name: &str) -> String {
    let label = metric.get_label().iter().find(|label| label.name() == name);
    label
        .map(|label| label.value().to_owned())
        .unwrap_or_default()
}

/// Returns the bound of the bucket in which this percentile is, or `None` without a run or beyond all bounds.
fn quantile(cumulative: &BTreeMap<u64, u64>, percent: u64) -> Option<f64> {
    let all = *cumulative.values().max()?;
    let wanted = (all * percent).div_ceil(100).max(1);
    let (bound, _) = cumulative.iter().find(|(_, count)| **count >= wanted)?;
    Some(f64::from_bits(*bound)).filter(|bound| bound.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(counts: &[(f64, u64)]) -> BTreeMap<u64, u64> {
        counts
            .iter()
            .map(|(bound, count)| (bound.to_bits(), *count))
            .collect()
    }

    #[test]
    fn a_percentile_is_the_bound_of_its_bucket() {
        let buckets = counted(&[(0.005, 50), (0.01, 98), (1.0, 100)]);
        assert_eq!(quantile(&buckets, 50), Some(0.005));
        assert_eq!(quantile(&buckets, 98), Some(0.01));
        assert_eq!(quantile(&buckets, 99), Some(1.0));
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(quantile(&counted(&[]), 50), None);
        assert_eq!(
            quantile(&counted(&[(1.0, 0), (f64::INFINITY, 0)]), 50),
            None
        );
        let beyond = counted(&[(1.0, 0), (f64::INFINITY, 3)]);
        assert_eq!(quantile(&beyond, 50), None);
    }
}
