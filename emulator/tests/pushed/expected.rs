//! The expected result of a script, computed without an emulator.

use std::time::Duration;

use super::script::{Answer, Declared, Scripted};

pub(super) const ATTEMPTS: usize = 5;
pub(super) const ACK_DEADLINE: Duration = Duration::from_secs(10);
const FIRST_BACKOFF: Duration = Duration::from_secs(10);
const LAST_BACKOFF: Duration = Duration::from_secs(600);
/// The emulator's own wait after an unanswered push, which prevents a busy loop.
const UNANSWERED_WAIT: Duration = Duration::from_millis(100);

/// The pushes of one message, and its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Expected {
    pub(super) pushes: usize,
    pub(super) is_dead: bool,
}

pub(super) fn expected(declared: Declared, message: &Scripted) -> Expected {
    let mut pushes = 1;
    while !message.answer(pushes).is_ack() {
        if declared.has_dead_letters && pushes == ATTEMPTS {
            let is_dead = true;
            return Expected { pushes, is_dead };
        }
        pushes += 1;
    }
    let is_dead = false;
    Expected { pushes, is_dead }
}

/// Returns the shortest time between this failed push of a message and its next one.
pub(super) fn gap(declared: Declared, message: &Scripted, attempt: usize) -> Duration {
    let answer = message.answer(attempt);
    let least = match answer {
        Answer::Nothing | Answer::Fragment => UNANSWERED_WAIT,
        Answer::Status(_) | Answer::Silence => Duration::ZERO,
    };
    let doublings = u32::try_from(attempt - 1).unwrap();
    let own = if declared.has_backoff {
        (FIRST_BACKOFF * 2_u32.pow(doublings)).min(LAST_BACKOFF)
    } else {
        Duration::ZERO
    };
    let deadline = match answer {
        Answer::Silence => ACK_DEADLINE,
        _ => Duration::ZERO,
    };
    deadline + own.max(least)
}
