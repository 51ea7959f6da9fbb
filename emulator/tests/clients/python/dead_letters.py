"""Delivery attempts, retry policies and dead letters, by pull."""

import datetime
import time

from google.api_core.exceptions import BadRequest, NotFound
from google.protobuf.duration_pb2 import Duration

from runner import feature
from scene import all_hold, data, rejected


def policy(scene, **fields):
    """A dead-letter policy, and a subscription that holds what it forwards."""
    dead_topic = scene.topic("dead")
    letters = scene.subscription(dead_topic, "letters")
    fields = {"ack_deadline_seconds": 600, **fields}
    fields["dead_letter_policy"] = {"dead_letter_topic": dead_topic, "max_delivery_attempts": 5}
    topic, subscription = scene.pair(**fields)
    return topic, subscription, letters


def nack_five_times(scene, subscription):
    attempts = []
    for _ in range(5):
        received = scene.pull_all(subscription, 1, ack=False)
        attempts.append(received[0].delivery_attempt)
        scene.extend(subscription, 0, *received)
    return attempts, received[0].message


@feature("dead-letter-pull", seconds=40)
def dead_letter_pull(scene):
    topic, subscription, letters = policy(scene)
    scene.publish(topic, b"poison", attributes={"a": "b"})
    attempts, source = nack_five_times(scene, subscription)
    assert attempts == [1, 2, 3, 4, 5], f"delivery attempts {attempts}"
    scene.quiet(subscription, 1.5)
    letter = scene.pull_all(letters, 1)[0].message
    assert letter.data == b"poison"
    prefix = "CloudPubSubDeadLetterSource"
    published = letter.attributes.get(f"{prefix}TopicPublishTime", "")
    assert dict(letter.attributes) == {
        "a": "b",
        f"{prefix}Subscription": "billing",
        f"{prefix}SubscriptionProject": scene.project_id,
        f"{prefix}DeliveryCount": "5",
        f"{prefix}TopicPublishTime": published,
    }, f"{dict(letter.attributes)}"
    published = datetime.datetime.fromisoformat(published.replace("Z", "+00:00"))
    assert abs((published - source.publish_time).total_seconds()) < 0.01
    assert letter.message_id != source.message_id


@feature("dead-letter-without-further-pull")
def dead_letter_without_further_pull(scene):
    topic, subscription, letters = policy(scene)
    scene.publish(topic, b"poison")
    nack_five_times(scene, subscription)
    assert data(scene.pull_all(letters, 1, within=6)) == [b"poison"]


@feature("dead-letter-with-ordering", seconds=40)
def dead_letter_with_ordering(scene):
    topic, subscription, letters = policy(scene, enable_message_ordering=True)
    scene.publish(topic, b"poison", ordering_key="k")
    scene.publish(topic, b"next", ordering_key="k")
    attempts, _ = nack_five_times(scene, subscription)
    assert data(scene.pull_all(subscription, 1)) == [b"next"]
    letter = scene.pull_all(letters, 1)[0].message
    assert letter.data == b"poison" and letter.ordering_key == "k", f"{letter.data}, key {letter.ordering_key!r}"
    assert attempts == [1, 2, 3, 4, 5], f"delivery attempts {attempts}"


@feature("dead-letter-policy-limits")
def dead_letter_policy_limits(scene):
    topic = scene.topic()

    def is_rejected(kind, dead_topic, attempts):
        policy = {"dead_letter_topic": dead_topic, "max_delivery_attempts": attempts}
        return lambda: rejected(kind, scene.subscription, topic, f"s-{attempts}", dead_letter_policy=policy)

    all_hold(
        {
            "4 attempts": is_rejected(BadRequest, topic, 4),
            "101 attempts": is_rejected(BadRequest, topic, 101),
            "missing topic": is_rejected(NotFound, scene.path("topics", "missing"), 5),
        }
    )


@feature("delivery-attempt-only-with-policy")
def delivery_attempt_only_with_policy(scene):
    topic, subscription = scene.pair()
    scene.publish(topic, b"x")
    attempts = []
    for _ in range(2):
        received = scene.pull_all(subscription, 1, ack=False)
        attempts.append(received[0].delivery_attempt)
        scene.extend(subscription, 0, *received)
    assert attempts == [0, 0], f"delivery attempts {attempts} without a dead-letter policy"


@feature("retry-policy-honoured", seconds=40)
def retry_policy_honoured(scene):
    pause = Duration(seconds=3)
    retry = {"minimum_backoff": pause, "maximum_backoff": pause}
    topic, subscription = scene.pair(ack_deadline_seconds=600, retry_policy=retry)
    scene.publish(topic, b"x")
    received = scene.pull_all(subscription, 1, ack=False)
    waits = []
    for _ in range(2):
        scene.extend(subscription, 0, *received)
        begun = time.monotonic()
        received = scene.pull_all(subscription, 1, within=12, ack=False)
        waits.append(time.monotonic() - begun)
    assert all(2.5 <= wait <= 6 for wait in waits), f"a back-off of 3 s took {[round(wait, 1) for wait in waits]} s"


@feature("retry-policy-limits")
def retry_policy_limits(scene):
    topic = scene.topic()

    def is_rejected(number, least, most):
        retry = {"minimum_backoff": Duration(seconds=least), "maximum_backoff": Duration(seconds=most)}
        return lambda: rejected(BadRequest, scene.subscription, topic, f"s-{number}", retry_policy=retry)

    all_hold({"over 600 s": is_rejected(1, 10, 601), "minimum over maximum": is_rejected(2, 20, 10)})
