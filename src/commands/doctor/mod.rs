//! `pushgate doctor`: probes a deployed service from outside, and says what is wrong.

mod subscriptions;

use std::error::Error;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode, redirect};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use url::Url;

use self::subscriptions::examine_subscriptions;
use super::process::print;
use crate::environment::Environment;
use crate::loggable::{excerpt, whole_chain};
use crate::service::Service;

/// The longest wait for an answer: an instance may have to start.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The greatest difference of clocks that the default of `PUSHGATE_TOKEN_LEEWAY_SECONDS` tolerates.
const LEEWAY_SECONDS: i64 = 30;
/// An unsigned token: `{"alg":"RS256","typ":"JWT","kid":"doctor"}`, no claims.
const FORGED: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImRvY3RvciJ9.e30.AA";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Address of the service, such as https://shop-123.europe-west1.run.app
    url: Url,
    /// Address of its metrics, where its subscriptions are listed: through a tunnel, for instance http://localhost:9464
    #[arg(long, value_name = "URL")]
    status: Option<Url>,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Unknown,
    /// Deliberate, and to be known.
    Note,
    Wrong,
}

/// The result of one probe.
#[derive(Debug, Serialize)]
struct Finding {
    probe: &'static str,
    verdict: Verdict,
    text: String,
}

impl Finding {
    fn new(probe: &'static str, verdict: Verdict, text: impl Into<String>) -> Self {
        Self {
            probe,
            verdict,
            text: text.into(),
        }
    }
}

/// The error after findings.
#[derive(Debug, thiserror::Error)]
#[error("{0} of the probes found something wrong")]
struct Wrong(usize);

pub(super) async fn run(
    service: &Service,
    arguments: &Arguments,
    environment: &Environment,
) -> Result<(), Box<dyn Error>> {
    let client = Client::builder()
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .build()?;
    let declared: Vec<_> = service.declarations()?.iter().map(|one| &*one.id).collect();
    let findings = examine(&client, arguments, &declared, environment).await?;
    let wrong = findings.iter().filter(|one| one.verdict == Verdict::Wrong);
    let wrong = wrong.count();
    let text = match arguments.json {
        true => serde_json::to_string(&findings)? + "\n",
        false => findings.iter().map(line).collect(),
    };
    print(&text)?;
    match wrong {
        0 => Ok(()),
        _ => Err(Wrong(wrong).into()),
    }
}

fn line(finding: &Finding) -> String {
    let mark = match finding.verdict {
        Verdict::Ok => "ok     ",
        Verdict::Unknown => "unknown",
        Verdict::Note => "NOTE   ",
        Verdict::Wrong => "WRONG  ",
    };
    format!("{mark}  {:13}  {}\n", finding.probe, finding.text)
}

async fn examine(
    client: &Client,
    Arguments { url, status, .. }: &Arguments,
    declared: &[&str],
    environment: &Environment,
) -> Result<Vec<Finding>, Box<dyn Error>> {
    let (live, ready) = (url.join("/health/live")?, url.join("/health/ready")?);
    let answer = match client.get(live).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let text = format!("{url} cannot be reached: {}", whole_chain(&error));
            return Ok(vec![Finding::new("liveness", Verdict::Wrong, text)]);
        }
    };
    let clock = clock(&answer);
    let mut findings = vec![liveness(answer).await, clock];
    findings.push(readiness(client.get(ready).send().await));
    findings.push(tokens(client.post(url.clone()).send().await));
    let forged = client.post(url.clone()).bearer_auth(FORGED).send().await;
    findings.push(keys(forged));
    let of_subscriptions = examine_subscriptions(client, status.as_ref(), declared, environment);
    findings.extend(of_subscriptions.await?);
    Ok(findings)
}

async fn liveness(answer: Response) -> Finding {
    let status = answer.status();
    let reason = excerpt(answer.text().await.unwrap_or_default().trim());
    match status {
        StatusCode::OK => Finding::new("liveness", Verdict::Ok, "the service is live"),
        StatusCode::SERVICE_UNAVAILABLE => Finding::new(
            "liveness",
            Verdict::Wrong,
            format!("the instance must be restarted: {reason}"),
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Finding::new(
            "liveness",
            Verdict::Unknown,
            format!(
                "Cloud Run's IAM check answers {status}, so probes from outside see no more; the service must have PUSHGATE_AUTHENTICATION=platform"
            ),
        ),
        other => Finding::new(
            "liveness",
            Verdict::Wrong,
            format!(
                "/health/live answers {other}, expected 200: is this the address of a pushgate service?"
            ),
        ),
    }
}

/// Compares the clock of the answer with this machine's.
fn clock(answer: &Response) -> Finding {
    let date = answer
        .headers()
        .get("date")
        .and_then(|date| date.to_str().ok());
    // The two formats differ only in the name of the time zone.
    let date = date.map(|date| date.replace("GMT", "+0000"));
    let date = date.and_then(|date| OffsetDateTime::parse(&date, &Rfc2822).ok());
    let Some(date) = date else {
        return Finding::new("clock", Verdict::Unknown, "the answer has no date");
    };
    let ahead = (date - OffsetDateTime::now_utc()).whole_seconds();
    match ahead.abs() {
        seconds if seconds > LEEWAY_SECONDS => Finding::new(
            "clock",
            Verdict::Wrong,
            format!(
                "the service's clock differs from this machine's by {ahead} s: tokens are rejected if it is the service's that is wrong"
            ),
        ),
        _ => Finding::new(
            "clock",
            Verdict::Ok,
            format!("it differs from this machine's by {ahead} s"),
        ),
    }
}

fn readiness(answer: reqwest::Result<Response>) -> Finding {
    match answer.map(|answer| answer.status()) {
        Ok(StatusCode::OK) => {
            Finding::new("readiness", Verdict::Ok, "keys and store are available")
        }
        Ok(StatusCode::SERVICE_UNAVAILABLE) => Finding::new(
            "readiness",
            Verdict::Wrong,
            "the issuer's keys or the store are not available: the log line \"not ready\" has the reason",
        ),
        other => unexpected("readiness", other),
    }
}

fn tokens(answer: reqwest::Result<Response>) -> Finding {
    match answer.map(|answer| answer.status()) {
        Ok(StatusCode::UNAUTHORIZED) => Finding::new(
            "tokens",
            Verdict::Ok,
            "a push without a token is rejected with 401",
        ),
        Ok(StatusCode::FORBIDDEN) => Finding::new(
            "tokens",
            Verdict::Ok,
            "Cloud Run's IAM check rejects a push without a token with 403: the service must have PUSHGATE_AUTHENTICATION=platform",
        ),
        Ok(status) if status.is_success() => Finding::new(
            "tokens",
            Verdict::Wrong,
            format!("a push without a token is accepted with {status}: anyone can push"),
        ),
        other => unexpected("tokens", other),
    }
}

fn keys(answer: reqwest::Result<Response>) -> Finding {
    match answer.map(|answer| answer.status()) {
        Ok(status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => Finding::new(
            "keys",
            Verdict::Ok,
            format!("a push with a forged token is rejected with {status}"),
        ),
        Ok(StatusCode::SERVICE_UNAVAILABLE) => Finding::new(
            "keys",
            Verdict::Wrong,
            "the service cannot verify tokens now: it has no keys of the issuer, or it shuts down",
        ),
        Ok(status) if status.is_success() => Finding::new(
            "keys",
            Verdict::Wrong,
            format!("a push with a forged token is accepted with {status}"),
        ),
        other => unexpected("keys", other),
    }
}

fn unexpected(probe: &'static str, answer: reqwest::Result<StatusCode>) -> Finding {
    let text = match answer {
        Ok(status) => format!("it answers {status}, which a pushgate service does not"),
        Err(error) => format!("no answer: {}", whole_chain(&error)),
    };
    Finding::new(probe, Verdict::Wrong, text)
}
