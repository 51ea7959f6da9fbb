//! The library's publisher, against our emulator.

mod failures;
mod in_handlers;
mod ordering;
mod sending;

use emulator::{Emulator, ReceivedMessage, SubscriptionHandle};
use pushgate::{Environment, Publisher};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::harness::PROJECT;
use crate::harness::rpc_proxy::RpcProxy;

/// gRPC's status code (gRPC, *Status codes*).
const UNAVAILABLE: u8 = 14;

#[derive(Clone, Debug, Serialize, Deserialize, Validate, JsonSchema)]
struct Shipped {
    #[validate(length(min = 1))]
    order: String,
    #[serde(default)]
    note: String,
}

fn shipped(order: impl ToString) -> Shipped {
    Shipped {
        order: order.to_string(),
        note: String::new(),
    }
}

/// A topic with a subscription behind a proxy that counts calls and fails some.
struct Scene {
    _emulator: Emulator,
    subscription: SubscriptionHandle,
    proxy: RpcProxy,
}

fn environment(host: &str) -> Environment {
    [
        ("GOOGLE_CLOUD_PROJECT", PROJECT),
        ("PUBSUB_EMULATOR_HOST", host),
    ]
    .into_iter()
    .collect()
}

impl Scene {
    async fn start() -> Self {
        let emulator = Emulator::start().await.expect("an emulator");
        let topic = emulator
            .create_topic(&format!("projects/{PROJECT}/topics/shipments"))
            .expect("a topic");
        let subscription = topic.subscribe("mail").expect("a subscription");
        let proxy = RpcProxy::before(&emulator.address().to_string()).await;
        Self {
            _emulator: emulator,
            subscription,
            proxy,
        }
    }

    async fn publisher(&self) -> Publisher<Shipped> {
        let opened = Publisher::open(environment(&self.proxy.host), "shipments").await;
        opened.expect("a publisher")
    }

    fn requests(&self) -> usize {
        self.proxy
            .take_calls()
            .get("Publish")
            .copied()
            .unwrap_or_default()
    }

    fn orders(&self) -> Vec<String> {
        let held = self.subscription.unacked_messages();
        held.iter().map(order).collect()
    }
}

fn order(message: &ReceivedMessage) -> String {
    let shipped: Shipped = serde_json::from_slice(&message.data).expect("a shipment");
    shipped.order
}
