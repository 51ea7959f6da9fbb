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
        .run()
}
