//! Names and settings of topics, subscriptions and snapshots.

pub(crate) mod duration;
pub(crate) mod labels;
pub(crate) mod name;
pub(crate) mod snapshot;
pub(crate) mod subscription;
pub(crate) mod topic;
pub(crate) mod without_effect;
