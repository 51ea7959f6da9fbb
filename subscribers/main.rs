//! The service: the list of its subscribers, and what they share.

mod bucket;
mod orders_fulfilment;
mod orders_receipts;
mod outbox;
mod uploads_fingerprints;
mod warehouse;

use std::process::ExitCode;

use pushgate::Service;

use crate::bucket::Bucket;
use crate::outbox::Outbox;
use crate::warehouse::Warehouse;

fn main() -> ExitCode {
    Service::new()
        .state(Warehouse::open)
        .state(Outbox::open)
        .state(Bucket::open)
        .subscriber(orders_fulfilment::subscriber())
        .subscriber(orders_receipts::subscriber())
        .subscriber(uploads_fingerprints::subscriber())
        .run()
}
