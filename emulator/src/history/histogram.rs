//! A histogram of latencies, which computes percentiles without a list of all latencies.

use std::time::Duration;

/// Classes of a quarter of an octave, 16 µs to 18 minutes. A percentile is at most 19 % too long.
const CLASSES: usize = 104;
const FIRST_OCTAVE: u32 = 4;

/// The number of latencies in each class.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: [u16; CLASSES],
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: [0; CLASSES],
        }
    }
}

impl Histogram {
    pub(super) fn record(&mut self, latency: Duration) {
        if let Some(count) = self.counts.get_mut(class(latency)) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
    }

    /// Returns the latency that this share of all, 0 to 1, did not exceed. `None` without any latency.
    pub(super) fn percentile(&self, share: f64) -> Option<Duration> {
        let total: u64 = self.counts.iter().copied().map(u64::from).sum();
        if total == 0 {
            return None;
        }
        let mut seen = 0_u64;
        for (class, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
            let reached = seen as f64 >= share * total as f64;
            if reached && *count > 0 {
                return Some(upper_bound(class));
            }
        }
        None
    }
}

fn class(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let octave = micros.max(1).ilog2();
    let Some(above) = octave.checked_sub(FIRST_OCTAVE) else {
        return 0;
    };
    let quarter = usize::try_from((micros >> (octave - 2)) & 3).unwrap_or_default();
    let class = usize::try_from(above).unwrap_or(CLASSES) * 4 + quarter;
    class.min(CLASSES - 1)
}

fn upper_bound(class: usize) -> Duration {
    let octave = u32::try_from(class / 4).unwrap_or_default() + FIRST_OCTAVE;
    let quarter = u64::try_from(class % 4).unwrap_or_default();
    Duration::from_micros((5 + quarter) << (octave - 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(micros: u64) {
        let latency = Duration::from_micros(micros);
        let bound = upper_bound(class(latency));
        assert!(
            bound > latency && bound.as_micros() * 4 <= latency.as_micros() * 5,
            "{micros}: {bound:?}"
        );
    }

    #[test]
    fn a_class_is_at_most_a_quarter_wide() {
        (0..26).map(|octave| 16 << octave).for_each(|micros| {
            check(micros);
            check(micros + micros / 3);
            check(2 * micros - 1);
        });
        assert_eq!(class(Duration::ZERO), 0);
        assert_eq!(class(Duration::MAX), CLASSES - 1);
    }

    #[test]
    fn percentiles_of_many() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(0.5), None);
        (1..=100).for_each(|each| histogram.record(Duration::from_millis(each)));
        let percentile = |share| histogram.percentile(share).unwrap().as_millis();
        assert!((50..=60).contains(&percentile(0.5)), "{}", percentile(0.5));
        assert!(
            (99..=119).contains(&percentile(0.99)),
            "{}",
            percentile(0.99)
        );
    }
}
