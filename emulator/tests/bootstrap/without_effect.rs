//! Settings without effect in files.

use emulator::{Emulator, Options};

use super::{parsed, rejected};

/// The declaration of a production project.
const PRODUCTION: &str = r#"
topics:
  orders:
    messageStoragePolicy: {allowedPersistenceRegions: [europe-west1, europe-west4]}
    kmsKeyName: projects/shop/locations/europe-west1/keyRings/orders/cryptoKeys/messages
    messageTransforms:
      - javascriptUdf:
          functionName: redact
          code: |
            function redact(message, metadata) {
              return {data: message.data, attributes: {}};
            }
    tags: {"123/environment": production}
    subscriptions:
      orders-warehouse:
        bigqueryConfig: {table: shop.sales.orders, useTableSchema: true, dropUnknownFields: true}
      orders-archive:
        cloudStorageConfig:
          bucket: shop-orders
          avroConfig: {writeMetadata: true}
          maxDuration: 300s
          maxBytes: 1000000
      orders-fulfilment:
        push: http://127.0.0.1:8080/
        messageTransforms: []
  clicks:
    ingestionDataSourceSettings:
      cloudStorage: {bucket: clicks, textFormat: {}, minimumObjectCreateTime: "2026-01-01T00:00:00Z"}
"#;

#[tokio::test]
async fn a_production_declaration_applies() {
    let declared = parsed(PRODUCTION);
    let names = |id: &str| {
        let topics = declared.topics.iter();
        let topics = topics.map(|topic| (&topic.name, &topic.without_effect));
        let subscriptions = declared.subscriptions.iter();
        let subscriptions = subscriptions.map(|config| (&config.name, &config.without_effect));
        let mut all = topics.chain(subscriptions);
        let found = all.find(|(name, _)| name.ends_with(&format!("/{id}")));
        found.unwrap().1.names()
    };
    let of_orders = [
        "messageStoragePolicy",
        "kmsKeyName",
        "messageTransforms",
        "tags",
    ];
    assert_eq!(names("orders"), of_orders);
    assert_eq!(names("clicks"), ["ingestionDataSourceSettings"]);
    assert_eq!(names("orders-warehouse"), ["bigqueryConfig"]);
    assert_eq!(names("orders-fulfilment"), [""; 0]);
    let emulator = Emulator::start_with(Options::default()).unwrap();
    emulator.bootstrap(&declared).unwrap();
    let archive = emulator.subscription("projects/shop/subscriptions/orders-archive");
    let export = archive.unwrap().config().without_effect;
    assert_eq!(export.export(), Some("Cloud Storage"));
    let url = format!("{}/v1/projects/shop/topics/orders", emulator.url());
    let shown = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert!(shown.contains("attributes: {}};\\n}\\n"), "{shown}");
}

#[test]
fn a_mistake_in_a_setting_without_effect_has_its_place() {
    let topic = |setting: &str| format!("topics:\n  orders:\n    {setting}");
    rejected(
        &topic("kmsKeyName: key"),
        "shop.yaml:3:17: kmsKeyName is \"key\", expected projects/*",
    );
    rejected(
        &topic("messageStoragePolicy: {regions: [a]}"),
        "shop.yaml:3:27: messageStoragePolicy: unrecognized field name 'regions'",
    );
    rejected(
        &topic("messageTransforms: [{compression: {compressionMode: COMPRESS}}]"),
        "shop.yaml:3:24: messageTransforms: The emulator does not act upon MessageTransform.compression",
    );
    rejected(
        &topic("subscriptions:\n      sub-1: {push: 'http://a/', bigqueryConfig: {}}"),
        "shop.yaml:4:50: bigqueryConfig and pushConfig exclude each other",
    );
}
