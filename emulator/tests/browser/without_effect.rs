//! Settings without effect on the pages of their resources.

use emulator::{Bootstrap, BootstrapDefaults, Pace};

use crate::harness::browser::{LIGHT, browse};
use crate::harness::emulator;

#[tokio::test]
#[ignore = "needs Chromium and its driver"]
async fn settings_without_effect_are_named_on_their_pages() {
    let emulator = emulator(Pace::Eager);
    let file = "topics:\n  orders:\n    messageStoragePolicy: {allowedPersistenceRegions: [europe-west1]}\n    \
        subscriptions:\n      sales: {bigqueryConfig: {table: shop.sales.orders}}";
    let declared = Bootstrap::parse("shop.yaml", file, &BootstrapDefaults::new("shop"));
    emulator.bootstrap(&declared.unwrap()).unwrap();
    browse(emulator.url(), LIGHT, |page| async move {
        page.sees("Exports").await;
        page.open("#/topics/shop/orders").await;
        page.sees("Without effect here: messageStoragePolicy").await;
        page.check_accessibility().await;
        page.open("#/subscriptions/shop/sales").await;
        page.sees("At Google it exports its messages to BigQuery.")
            .await;
        page.sees("BigQuery, without effect here").await;
        page.sees("bigqueryConfig").await;
        page.check_accessibility().await;
        drop(emulator);
    })
    .await;
}
