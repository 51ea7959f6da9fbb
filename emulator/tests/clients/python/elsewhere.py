"""Settings of systems that an emulator does not have."""

from runner import feature
from scene import PUBLISHER, SUBSCRIBER, all_hold
from updates import equal, update, update_topic


@feature("settings-of-topics")
def settings_of_topics(scene):
    """A storage policy, a key, an ingestion and a transform are stored and changed by masks."""
    key = f"{scene.project}/locations/europe-west1/keyRings/r/cryptoKeys/k"
    source = {
        "stream_arn": "arn:aws:kinesis:us-east-1:111111111111:stream/s",
        "consumer_arn": "arn:aws:kinesis:us-east-1:111111111111:stream/s/consumer/c:1",
        "aws_role_arn": "arn:aws:iam::111111111111:role/r",
        "gcp_service_account": "ingest@shop.iam.gserviceaccount.com",
    }
    function = {"function_name": "same", "code": "function same(message, metadata) { return message; }"}

    def storage_policy():
        topic = scene.topic("stored", message_storage_policy={"allowed_persistence_regions": ["europe-west1"]})
        regions = PUBLISHER.get_topic(topic=topic, timeout=5).message_storage_policy.allowed_persistence_regions
        equal(list(regions), ["europe-west1"])
        policy = {"allowed_persistence_regions": ["europe-west4"]}
        changed = update_topic(topic, "message_storage_policy", message_storage_policy=policy)
        equal(list(changed.message_storage_policy.allowed_persistence_regions), ["europe-west4"])

    def encryption_key():
        topic = scene.topic("encrypted", kms_key_name=key)
        equal(PUBLISHER.get_topic(topic=topic, timeout=5).kms_key_name, key)

    def ingestion():
        topic = scene.topic("ingested", ingestion_data_source_settings={"aws_kinesis": source})
        shown = PUBLISHER.get_topic(topic=topic, timeout=5).ingestion_data_source_settings.aws_kinesis
        equal(shown.stream_arn, source["stream_arn"])

    def transforms():
        topic = scene.topic("transformed", message_transforms=[{"javascript_udf": function}])
        shown = PUBLISHER.get_topic(topic=topic, timeout=5).message_transforms
        equal([each.javascript_udf.function_name for each in shown], ["same"])
        equal(len(update_topic(topic, "message_transforms").message_transforms), 0)

    all_hold({check.__name__: check for check in (storage_policy, encryption_key, ingestion, transforms)})


@feature("settings-of-exports")
def settings_of_exports(scene):
    """Exports to BigQuery and to Cloud Storage are stored and changed by masks."""
    topic = scene.topic()

    def bigquery():
        subscription = scene.subscription(topic, "to-bigquery", bigquery_config={"table": "shop.sales.orders"})
        shown = SUBSCRIBER.get_subscription(subscription=subscription, timeout=5)
        equal(shown.bigquery_config.table, "shop.sales.orders")
        changed = update(subscription, "bigquery_config", bigquery_config={"table": "shop.sales.returns"})
        equal(changed.bigquery_config.table, "shop.sales.returns")

    def cloud_storage():
        config = {"bucket": "shop-orders", "filename_suffix": ".txt"}
        subscription = scene.subscription(topic, "to-storage", cloud_storage_config=config)
        shown = SUBSCRIBER.get_subscription(subscription=subscription, timeout=5)
        equal((shown.cloud_storage_config.bucket, shown.cloud_storage_config.filename_suffix), ("shop-orders", ".txt"))

    all_hold({check.__name__: check for check in (bigquery, cloud_storage)})
