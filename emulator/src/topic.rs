//! A topic: a name under which messages are published to every subscription of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::delivery::Delivery;

/// One topic and the subscriptions that its messages go to.
#[derive(Default)]
pub(crate) struct Topic {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) deliveries: Vec<Arc<Delivery>>,
}
