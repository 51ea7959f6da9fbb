//! The warehouse: another team's service over HTTP, or a small one in memory for laptops.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use m2m::orders::OrderPlaced;
use pushgate::Environment;
use reqwest::StatusCode;
use serde::Deserialize;

/// The service that reserves stock.
pub(crate) enum Warehouse {
    InMemory {
        articles: BTreeSet<&'static str>,
        /// The remaining attempts until the kayaks' hall, which is locked at first, is opened.
        knocks: AtomicU32,
    },
    Remote {
        url: reqwest::Url,
        client: reqwest::Client,
    },
}

/// The reason that stock is not reserved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WarehouseError {
    #[error("the warehouse has no article as in line {line}")]
    NoSuchArticle { line: usize },
    #[error("{0}")]
    Setting(String),
    #[error("the hall is locked")]
    Locked,
    #[error("the warehouse answered {0}")]
    Status(StatusCode),
    #[error("the warehouse cannot be reached")]
    Unreachable(#[from] reqwest::Error),
}

impl Warehouse {
    /// Connects to the warehouse at `WAREHOUSE_URL`, or creates one in memory if it is unset.
    pub(crate) async fn open(environment: Environment) -> Result<Self, WarehouseError> {
        let Some(url) = environment.get("WAREHOUSE_URL") else {
            return Ok(Self::in_memory());
        };
        // An invalid URL stops the start instead of failing every order.
        let wrong = || {
            WarehouseError::Setting(format!(
                "WAREHOUSE_URL is {url:?}, expected http://HOST[:PORT] or https://…"
            ))
        };
        let reservations = format!("{}/reservations", url.trim_end_matches('/'));
        let url = reservations
            .parse::<reqwest::Url>()
            .ok()
            .filter(reqwest::Url::has_host)
            .ok_or_else(wrong)?;
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self::Remote { url, client })
    }

    pub(crate) fn in_memory() -> Self {
        Self::InMemory {
            articles: BTreeSet::from(["kayak", "lantern", "teapot"]),
            knocks: AtomicU32::new(2),
        }
    }

    /// Reserves all articles of the order, once for each `idempotency_key`.
    pub(crate) async fn reserve(
        &self,
        order: &OrderPlaced,
        idempotency_key: &str,
    ) -> Result<(), WarehouseError> {
        match self {
            Self::InMemory { articles, knocks } => reserve_in_memory(articles, knocks, order),
            Self::Remote { url, client } => {
                let request = client
                    .post(url.clone())
                    .header("Idempotency-Key", idempotency_key)
                    .json(order);
                let answer = request.send().await?;
                match answer.status() {
                    status if status.is_success() => Ok(()),
                    // The warehouse answers 422 itself; a wrong URL would be answered 404.
                    StatusCode::UNPROCESSABLE_ENTITY => {
                        let unknown: UnknownArticle = answer.json().await?;
                        Err(WarehouseError::NoSuchArticle { line: unknown.line })
                    }
                    status => Err(WarehouseError::Status(status)),
                }
            }
        }
    }
}

/// The warehouse's answer to an order for an unknown article.
#[derive(Deserialize)]
struct UnknownArticle {
    /// From 1.
    line: usize,
}

fn reserve_in_memory(
    articles: &BTreeSet<&'static str>,
    knocks: &AtomicU32,
    order: &OrderPlaced,
) -> Result<(), WarehouseError> {
    let unknown = order
        .lines
        .iter()
        .position(|line| !articles.contains(line.article.as_str()));
    if let Some(index) = unknown {
        return Err(WarehouseError::NoSuchArticle { line: index + 1 });
    }
    let wants_a_kayak = order.lines.iter().any(|line| line.article == "kayak");
    let knock = |left: u32| left.checked_sub(1);
    if wants_a_kayak
        && knocks
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, knock)
            .is_ok()
    {
        return Err(WarehouseError::Locked);
    }
    Ok(())
}
