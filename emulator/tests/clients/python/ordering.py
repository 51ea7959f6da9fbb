"""Ordered delivery by pull."""

from runner import feature
from scene import data, eventually


def publish_key(scene, topic, key, count):
    for number in range(1, count + 1):
        scene.publish(topic, b"%s%d" % (key.encode(), number), ordering_key=key)


@feature("ordering-pull")
def ordering_pull(scene):
    topic, subscription = scene.pair(enable_message_ordering=True, ack_deadline_seconds=600)
    publish_key(scene, topic, "a", 6)
    publish_key(scene, topic, "b", 6)
    received = data(scene.pull_all(subscription, 12))
    for key in (b"a", b"b"):
        found = [content for content in received if content.startswith(key)]
        assert found == [b"%s%d" % (key, number) for number in range(1, 7)], f"{found}"


@feature("ordering-pull-batch")
def ordering_pull_batch(scene):
    topic, subscription = scene.pair(enable_message_ordering=True, ack_deadline_seconds=600)
    publish_key(scene, topic, "a", 5)
    batch = scene.pull(subscription, 3, ack=False)
    assert data(batch) == [b"a1", b"a2", b"a3"], f"{data(batch)}"
    scene.ack(subscription, batch[0], batch[2])
    scene.quiet(subscription, 1)
    scene.ack(subscription, batch[1])
    assert data(scene.pull(subscription, 2)) == [b"a4", b"a5"]


@feature("ordering-nack-blocks-key", seconds=30)
def ordering_nack_blocks_key(scene):
    """After a nack the key goes on with that message, and what followed it is redelivered, even if it was out already."""
    topic, subscription = scene.pair(enable_message_ordering=True, ack_deadline_seconds=600)
    publish_key(scene, topic, "a", 4)
    received = scene.pull(subscription, 4, within=1.5, ack=False)
    assert data(received)[:1] == [b"a1"], f"{data(received)}"
    scene.extend(subscription, 0, received[0])
    again = data(scene.pull(subscription, 4, within=8))
    assert again == [b"a1", b"a2", b"a3", b"a4"], f"after the nack of a1 came {again}"


def settled(seen):
    """Returns true if a2 was redelivered, followed by what followed it before, and the other key is through."""
    key = [content for content in seen if content.startswith(b"a")]
    return key.count(b"a2") == 2 and key[-4:] == [b"a2", b"a3", b"a4", b"a5"] and b"b3" in seen


@feature("ordering-stream")
def ordering_stream(scene):
    """A nacked message is followed by all that followed it, in order, and another key does not wait."""
    topic, subscription = scene.pair(enable_message_ordering=True)
    seen = []

    def take(message):
        first_time = message.data not in seen
        seen.append(message.data)
        if message.data == b"a2" and first_time:
            message.nack()
        else:
            message.ack()

    publish_key(scene, topic, "a", 5)
    publish_key(scene, topic, "b", 3)
    scene.stream(subscription, take)
    eventually(lambda: settled(seen), 12, lambda: f"{seen}")
    key = [content for content in seen if content.startswith(b"a")]
    assert key[:2] == [b"a1", b"a2"], f"{key}"
    assert [content for content in seen if content.startswith(b"b")] == [b"b1", b"b2", b"b3"], f"{seen}"


@feature("ordering-blocks-only-its-key")
def ordering_blocks_only_its_key(scene):
    topic, subscription = scene.pair(enable_message_ordering=True, ack_deadline_seconds=600)
    publish_key(scene, topic, "a", 2)
    held = scene.pull_all(subscription, 1, ack=False)
    publish_key(scene, topic, "b", 2)
    scene.publish(topic, b"unkeyed")
    others = [c for c in data(scene.pull(subscription, 3, within=4)) if not c.startswith(b"a")]
    assert data(held) == [b"a1"]
    assert sorted(others) == [b"b1", b"b2", b"unkeyed"], f"{others}"
