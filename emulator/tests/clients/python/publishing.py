"""What a topic takes, and what it rejects."""

import grpc
from google.api_core.exceptions import InvalidArgument
from google.cloud.pubsub_v1.types import BatchSettings, PublisherOptions
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from runner import feature
from scene import HOST, all_hold, data, rejected


@feature("publish-batch")
def publish_batch(scene):
    topic, subscription = scene.pair()
    publisher = scene.publisher(batch_settings=BatchSettings(max_messages=50, max_latency=0.05))
    sent = [b"%d" % number for number in range(200)]
    futures = [publisher.publish(topic, content, number=content.decode()) for content in sent]
    ids = {future.result(timeout=10): content for future, content in zip(futures, sent)}
    assert len(ids) == 200, f"{len(ids)} different ids"
    for one in scene.pull_all(subscription, 200):
        message = one.message
        assert message.data == ids[message.message_id], "an id belongs to another message"
        assert message.attributes["number"] == message.data.decode()
        assert message.publish_time is not None


@feature("publish-ordering")
def publish_ordering(scene):
    topic, subscription = scene.pair(enable_message_ordering=True)
    publisher = scene.publisher(publisher_options=PublisherOptions(enable_message_ordering=True))
    futures = [publisher.publish(topic, b"%d" % n, ordering_key=f"key-{n % 2}") for n in range(20)]
    assert len({future.result(timeout=10) for future in futures}) == 20
    received = scene.pull_all(subscription, 20)
    for parity in (0, 1):
        found = [int(one.message.data) for one in received if one.message.ordering_key == f"key-{parity}"]
        assert found == list(range(parity, 20, 2)), f"key-{parity}: {found}"


@feature("publish-mixed-ordering-keys")
def publish_mixed_ordering_keys(scene):
    messages = [{"data": b"a", "ordering_key": "a"}, {"data": b"b", "ordering_key": "b"}]
    rejected(InvalidArgument, scene.publish, scene.topic(), *messages)


@feature("publish-10mb")
def publish_10mb(scene):
    topic, subscription = scene.pair()
    sent = bytes(range(250)) * 39_990
    scene.publish(topic, sent)
    options = [("grpc.max_receive_message_length", -1)]
    channel = grpc.insecure_channel(HOST, options=options)
    with SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)) as subscriber:
        request = {"subscription": subscription, "max_messages": 1}
        (received,) = subscriber.pull(request=request, timeout=15).received_messages
    assert received.message.data == sent


@feature("publish-over-10mb")
def publish_over_10mb(scene):
    topic = scene.topic()
    for size in (10_000_000, 11_000_000, 16_000_000):
        text = rejected(InvalidArgument, scene.publish, topic, bytes(size))
        assert "The value for request_size is too large." in text, text


@feature("publish-compressed")
def publish_compressed(scene):
    topic, subscription = scene.pair()
    for name in ("Gzip", "Deflate"):
        channel = grpc.insecure_channel(HOST, compression=getattr(grpc.Compression, name))
        with PublisherClient(transport=PublisherGrpcTransport(channel=channel)) as publisher:
            publisher.publish(request={"topic": topic, "messages": [{"data": b"x" * 5000}]}, timeout=10, retry=None)
        assert data(scene.pull_all(subscription, 1)) == [b"x" * 5000], name


@feature("publish-limits")
def publish_limits(scene):
    topic = scene.topic()
    scene.publish(topic, *[b"x"] * 1000)
    all_hold(
        {
            "neither data nor attributes": lambda: rejected(InvalidArgument, scene.publish, topic, b""),
            "no message": lambda: rejected(InvalidArgument, scene.publish, topic),
            "1001 messages": lambda: rejected(InvalidArgument, scene.publish, topic, *[b"x"] * 1001),
        }
    )


@feature("publish-attribute-limits")
def publish_attribute_limits(scene):
    topic, subscription = scene.pair()
    most = {f"{number:0256}": "v" * 1024 for number in range(100)}
    scene.publish(topic, b"most", attributes=most, ordering_key="k" * 1024)
    assert dict(scene.pull_all(subscription, 1)[0].message.attributes) == most

    def is_rejected(**fields):
        return lambda: rejected(InvalidArgument, scene.publish, topic, b"x", **fields)

    all_hold(
        {
            "101 attributes": is_rejected(attributes={str(number): "v" for number in range(101)}),
            "empty key": is_rejected(attributes={"": "v"}),
            "key goog...": is_rejected(attributes={"googlike": "v"}),
            "key of 257 bytes": is_rejected(attributes={"k" * 257: "v"}),
            "value of 1025 bytes": is_rejected(attributes={"k": "v" * 1025}),
            "ordering key of 1025 bytes": is_rejected(ordering_key="k" * 1025),
        }
    )


@feature("publish-attributes-only")
def publish_attributes_only(scene):
    topic, subscription = scene.pair()
    scene.publish(topic, b"", attributes={"kind": "empty"})
    received = scene.pull_all(subscription, 1)
    assert data(received) == [b""] and received[0].message.attributes["kind"] == "empty"
