//! The service: the list of its subscribers, and what they share.

mod folder;
mod orders_fulfilment;
mod orders_receipts;
mod stock_reports;
mod uploads_fingerprints;
mod warehouse;

use std::process::ExitCode;

use pushgate::Service;

use crate::orders_receipts::Outbox;
use crate::stock_reports::Reports;
use crate::uploads_fingerprints::Archive;
use crate::warehouse::Warehouse;

/// Returns memory to the system after a large message, which the C library's own allocator does not.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    service().run()
}

fn service() -> Service {
    Service::new()
        .package(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
        .state(Warehouse::open)
        .state(Outbox::open)
        .state(Archive::open)
        .state(Reports::open)
        .subscriber(orders_fulfilment::subscriber())
        .subscriber(orders_receipts::subscriber())
        .subscriber(uploads_fingerprints::subscriber())
        .subscriber(stock_reports::subscriber())
}

#[cfg(test)]
mod tests {
    use pushgate::testing::{Local, Sent};

    use super::*;

    #[tokio::test]
    async fn an_order_reaches_both_of_its_subscribers() {
        let local = Local::start(service()).await;
        let id = local.publish(
            "orders",
            &Sent::json(&orders_fulfilment::order("A-1", "teapot")),
        );
        for subscription in ["orders-fulfilment", "orders-receipts"] {
            assert_eq!(local.outcome(subscription, &id).await.outcome, "handled");
        }
    }
}
