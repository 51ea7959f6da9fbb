//! The warehouse: another team's service over HTTP, or a small one in memory for laptops.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use m2m::orders::OrderPlaced;
use pushgate::Environment;
use reqwest::StatusCode;
use serde::Deserialize;

/// Where stock is reserved.
pub(crate) enum Warehouse {
    InMemory {
        articles: BTreeSet<&'static str>,
        /// The kayaks' hall is locked at first: so many more knocks until somebody comes.
        knocks: AtomicU32,
    },
    Remote {
        url: reqwest::Url,
        client: reqwest::Client,
    },
}

/// Why stock is not reserved.
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
    /// The warehouse at `WAREHOUSE_URL`, or one in memory if that is unset.
    pub(crate) async fn open(environment: Environment) -> Result<Self, WarehouseError> {
        let Some(url) = environment.get("WAREHOUSE_URL") else {
            return Ok(Self::in_memory());
        };
        // Found now, a wrong setting stops the start; found later, it would fail every order.
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

    /// Reserves everything the order wants, once for each `idempotency_key`.
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
                    // Only the warehouse itself says so; a wrong URL would be answered 404.
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

/// What the warehouse answers to an order for an article that it does not have.
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
