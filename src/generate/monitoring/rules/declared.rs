//! Rules with limits that a declaration decides.

use super::{Rule, Runbook, Severity};
use crate::delivery::settle::settlement::End;
use crate::generate::monitoring::limits::latency_seconds;
use crate::generate::monitoring::query::any_of;
use crate::subscriber::Subscriber;

/// The ends after which Pub/Sub forgets the message.
const ACKED: [End; 7] = [
    End::Handled,
    End::Discarded,
    End::DeadLettered,
    End::Duplicate,
    End::OtherPayloadIgnored,
    End::Unguarded,
    End::Unrecorded,
];

pub(super) fn rules(declared: &Subscriber) -> Vec<Rule<'_>> {
    let rules = [fail(declared), slow(declared), late(declared)];
    rules.into_iter().map(|rule| rule.of(declared)).collect()
}

fn fail(declared: &Subscriber) -> Rule<'_> {
    let subscription = any_of("subscription", [declared.id.as_str()]);
    let acked = any_of("outcome", ACKED.map(End::name));
    let rate = |metric: &str, labels: &str| {
        format!(
            "(sum by (job) (rate({metric}{{{labels}}}[5m])) or sum by (job) (pushgate_pushes_limit) * 0)"
        )
    };
    let acked = rate(
        "pushgate_deliveries_total",
        &format!("{subscription},{acked}"),
    );
    let ended = rate("pushgate_deliveries_total", &subscription);
    let refused = rate("pushgate_refusals_total", &subscription);
    let share = declared.operation.alerts.failed_push_share;
    let expr = format!("1 - {acked} / ({ended} + {refused}) > {share}");
    let runbook = Runbook {
        page: "failing-handler",
        summary: "Too many pushes of {{ $labels.subscription }} are not acknowledged: a share of {{ $value | humanizePercentage }}",
        first_look: "the outcome and the reason in the subscription's log lines",
        repair: "restore what the handler depends on, or go back to the last version; Pub/Sub pushes again by itself",
    };
    Rule::new("PushgatePushesFail", Severity::Error, expr, &runbook).pending("10m")
}

fn slow(declared: &Subscriber) -> Rule<'_> {
    let name = any_of(
        "messaging_destination_subscription_name",
        [declared.id.as_str()],
    );
    let expr = format!(
        "histogram_quantile(0.95, sum by (job, le) (rate(messaging_process_duration_seconds_bucket{{{name}}}[5m]))) > {}",
        latency_seconds(declared)
    );
    let runbook = Runbook {
        page: "slow-handler",
        summary: "One run in twenty of {{ $labels.subscription }} takes longer than declared: {{ $value | humanizeDuration }}",
        first_look: "duration_ms in the subscription's log lines, and the handler's own lines between",
        repair: "more CPU or instances, a faster dependency, or `.expected_latency(…)` and `.ack_deadline(…)` as they are",
    };
    Rule::new("PushgateHandlerSlow", Severity::Warning, expr, &runbook).pending("15m")
}

fn late(declared: &Subscriber) -> Rule<'_> {
    let subscription = any_of("subscription", [declared.id.as_str()]);
    let age = declared.operation.alerts.oldest_unacked_age.as_secs();
    let expr = format!(
        "histogram_quantile(0.95, sum by (job, le) (rate(pushgate_message_age_seconds_bucket{{{subscription}}}[5m]))) > {age}"
    );
    let runbook = Runbook {
        page: "backlog",
        summary: "Messages of {{ $labels.subscription }} are handled late: one in twenty after {{ $value | humanizeDuration }}",
        first_look: "the outcomes of the last minutes, by number",
        repair: "fix failures first; then raise max_instances or `.concurrency(…)`",
    };
    Rule::new("PushgateMessagesLate", Severity::Error, expr, &runbook).pending("5m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_that_count_as_acked_are_not_redelivered() {
        assert!(ACKED.iter().all(|end| !end.is_redelivered()));
    }
}
