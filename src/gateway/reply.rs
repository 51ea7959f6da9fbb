//! The application's response: an outcome.

use std::error::Error;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use reqwest::{Body, Response, StatusCode};

use crate::handler::outcome::Outcome;
use crate::loggable::excerpt;

/// The headers by which an application decides otherwise than by the status.
const OUTCOME: &str = "pushgate-outcome";
const REASON: &str = "pushgate-reason";

/// The part of a response that is read: an application may work until its response ends, and its connection is used again after that. The
/// body has no meaning, and is not logged, since frameworks quote the request in it.
const BODY_LIMIT_BYTES: usize = 16 * 1024;

/// Returns the outcome of a run, after the end of the response.
///
/// # Errors
/// If the response breaks off.
pub(super) async fn outcome(response: Response) -> Result<Outcome, Box<dyn Error + Send + Sync>> {
    let status = response.status();
    let header = |name| response.headers().get(name)?.to_str().ok();
    let outcome = of(status, header(OUTCOME), header(REASON));
    let body = Limited::new(Body::from(response), BODY_LIMIT_BYTES);
    match body.collect().await {
        // The end of a long response is not waited for; its connection is closed.
        Err(error) if !error.is::<LengthLimitError>() => Err(error),
        _ => Ok(outcome),
    }
}

/// Decides like Pub/Sub: five statuses mean success, one of which no final response has (Google, *Receive push messages*).
fn of(status: StatusCode, outcome: Option<&str>, reason: Option<&str>) -> Outcome {
    let status = status.as_u16();
    let decoded = reason.map(|reason| percent_decode_str(reason).decode_utf8_lossy());
    let reason = match decoded {
        Some(reason) => excerpt(&reason),
        None => format!("the application answered {status}"),
    };
    match (outcome, status) {
        (Some("success"), _) | (None, 200 | 201 | 202 | 204) => Outcome::Success,
        (Some("retry"), _) | (None, _) => Outcome::Retry { reason },
        (Some("dead-letter"), _) => Outcome::DeadLetter { reason },
        (Some("discard"), _) => Outcome::Discard { reason },
        (Some(other), _) => Outcome::retry(format!(
            "the application answered {status} with {OUTCOME}: {:?}, expected success, retry, dead-letter or discard",
            excerpt(other)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(status: u16, outcome: Option<&str>, reason: Option<&str>) -> Outcome {
        of(
            StatusCode::from_u16(status).expect("a status"),
            outcome,
            reason,
        )
    }

    #[test]
    fn a_status_decides_as_at_pubsub() {
        for status in [200, 201, 202, 204] {
            assert_eq!(decided(status, None, None), Outcome::Success);
        }
        for status in [203, 206, 302, 400, 404, 409, 422, 429, 500, 503] {
            let expected = Outcome::retry(format!("the application answered {status}"));
            assert_eq!(decided(status, None, None), expected);
        }
    }

    #[test]
    fn the_header_decides_before_the_status() {
        let reason = Some("no such article: %C3%A9t%C3%A9");
        let text = "no such article: été";
        assert_eq!(decided(500, Some("success"), None), Outcome::Success);
        assert_eq!(decided(200, Some("retry"), reason), Outcome::retry(text));
        let dead = decided(422, Some("dead-letter"), reason);
        assert_eq!(dead, Outcome::dead_letter(text));
        let discarded = decided(200, Some("discard"), reason);
        assert_eq!(discarded, Outcome::discard(text));
    }

    #[test]
    fn an_unknown_outcome_is_a_retry_that_names_the_known_ones() {
        let Outcome::Retry { reason } = decided(200, Some("done"), None) else {
            panic!("no retry");
        };
        assert!(
            reason.contains("\"done\", expected success, retry,"),
            "{reason}"
        );
    }

    #[test]
    fn a_reason_is_bounded() {
        let long = "x".repeat(10_000);
        let Outcome::Retry { reason } = decided(500, None, Some(&long)) else {
            panic!("no retry");
        };
        assert_eq!(reason.len(), 300);
    }
}
