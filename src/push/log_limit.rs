//! Limits the log lines of refused unknown callers: of each kind the first few in a second are logged, and the others are counted. So
//! an attacker cannot flood the log, and a mistake in a push subscription still appears with its reason.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::push::authentication::{AuthenticationError, TokenError};
use crate::push::binding::BindingError;
use crate::push::log_line::{Level, LogLine};
use crate::push::refusal::{NoEndpoint, Refusal};

const PERIOD: Duration = Duration::from_secs(1);
/// The lines of one kind in a period, besides the one that counts the rest.
const LINES: u64 = 3;

/// The variants of a refusal and of its cause, without data of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    refusal: Discriminant<Refusal>,
    authentication: Option<Discriminant<AuthenticationError>>,
    token: Option<Discriminant<TokenError>>,
    binding: Option<Discriminant<BindingError>>,
    endpoint: Option<Discriminant<NoEndpoint>>,
}

impl Kind {
    pub(crate) fn of(refusal: &Refusal) -> Self {
        let mut kind = Self {
            refusal: discriminant(refusal),
            authentication: None,
            token: None,
            binding: None,
            endpoint: None,
        };
        match refusal {
            Refusal::Authentication(error) => {
                kind.authentication = Some(discriminant(error));
                if let AuthenticationError::Token(error) = error {
                    kind.token = Some(discriminant(error));
                }
            }
            Refusal::Binding(error) => kind.binding = Some(discriminant(error)),
            Refusal::Endpoint(error) => kind.endpoint = Some(discriminant(error)),
            _ => {}
        }
        kind
    }
}

/// The refusals of the current period.
#[derive(Clone, Default)]
pub(crate) struct LogLimit(Arc<Mutex<HashMap<Kind, Seen>>>);

#[derive(Default)]
struct Seen {
    /// The number of lines so far.
    lines: u64,
    /// The number of refusals that were counted only.
    rest: u64,
    /// The latest of them.
    last: Option<(LogLine, Level)>,
}

impl LogLimit {
    /// Logs the refusal now, or with the others of its kind when the period ends.
    pub(crate) fn log(&self, kind: Kind, line: LogLine, level: Level) {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = kinds.is_empty();
        let seen = kinds.entry(kind).or_default();
        if seen.lines < LINES {
            seen.lines += 1;
            drop(kinds);
            line.log(level);
        } else {
            seen.rest += 1;
            seen.last = Some((line, level));
        }
        if is_first {
            let log_limit = self.clone();
            tokio::spawn(async move {
                sleep(PERIOD).await;
                log_limit.flush();
            });
        }
    }

    /// Ends the period: logs one line a kind for the refusals that were counted only.
    pub(crate) fn flush(&self) {
        let kinds = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for seen in kinds.into_values() {
            if let Some((mut line, level)) = seen.last {
                line.times = Some(seen.rest);
                line.log(level);
            }
        }
    }
}
