//! Faults that `serve` would report at the start, as findings.

use super::finding::Finding;
use super::rules::DECLARATION;

/// Returns a finding for each fault. A fault names what was found, what was expected, and the call that decides it.
pub(super) fn findings(faults: &[String]) -> Vec<Finding> {
    faults.iter().map(|fault| finding(fault)).collect()
}

fn finding(fault: &str) -> Finding {
    let named = fault
        .strip_prefix("subscriber \"")
        .and_then(|rest| rest.split_once('"'));
    let (subject, what) = match named {
        Some((id, rest)) => (id, rest.strip_prefix(": ").unwrap_or(fault)),
        None => ("declarations", fault),
    };
    DECLARATION.found(subject, what, fix(what))
}

/// Returns the remedy: the end of the fault, which names the call.
fn fix(what: &str) -> String {
    let named = [": see ", ", see ", "; see "]
        .iter()
        .find_map(|see| what.rsplit_once(see))
        .map(|(_, call)| format!("change {call}"));
    let added = || {
        what.rsplit_once(": add ")
            .map(|(_, call)| format!("add {call}"))
    };
    named
        .or_else(added)
        .unwrap_or_else(|| "change the declaration as the fault describes".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fix_is_the_call_that_the_sentence_names() {
        let check = |fault: &str, subject: &str, fix: &str| {
            let found = finding(fault);
            assert_eq!(found.subject, subject);
            assert_eq!(found.fix, fix);
        };
        check(
            "subscriber \"orders\": window is 1s, expected more: see .window(…)",
            "orders",
            "change .window(…)",
        );
        check(
            "subscriber \"orders\": says no purpose: add .purpose(\"…\")",
            "orders",
            "add .purpose(\"…\")",
        );
        check(
            "subscribers \"a\" and \"b\" both have a schedule \"c\": see Schedule::named(…)",
            "declarations",
            "change Schedule::named(…)",
        );
        check(
            "subscriber \"orders\" is declared twice: a subscription has one subscriber",
            "orders",
            "change the declaration as the fault describes",
        );
    }
}
