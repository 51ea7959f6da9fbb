"""Unary pull, acks, nacks and deadlines."""

import time

from google.api_core.exceptions import DeadlineExceeded, FailedPrecondition, InvalidArgument

from runner import feature
from scene import SUBSCRIBER, all_hold, data, rejected


@feature("unary-pull")
def unary_pull(scene):
    topic, subscription = scene.pair()
    ids = scene.publish(topic, *[b"%d" % number for number in range(10)], attributes={"a": "b"})
    answer = SUBSCRIBER.pull(request={"subscription": subscription, "max_messages": 3}, timeout=10)
    first = list(answer.received_messages)
    assert 1 <= len(first) <= 3, f"{len(first)} messages, asked for 3"
    scene.ack(subscription, *first)
    scene.ack(subscription, *first)  # again is no error
    rest = scene.pull_all(subscription, 10 - len(first))
    assert sorted(one.message.message_id for one in first + rest) == sorted(ids)
    assert all(one.message.attributes == {"a": "b"} and one.ack_id for one in first + rest)
    scene.quiet(subscription, 1)
    request = {"subscription": subscription, "max_messages": 0}
    rejected(InvalidArgument, SUBSCRIBER.pull, request=request, timeout=3)


@feature("pull-return-immediately")
def pull_return_immediately(scene):
    _, subscription = scene.pair()
    request = {"subscription": subscription, "max_messages": 1, "return_immediately": True}
    assert not SUBSCRIBER.pull(request=request, timeout=3, retry=None).received_messages


@feature("pull-waits")
def pull_waits(scene):
    """A pull that finds nothing waits for a message."""
    from threading import Timer

    topic, subscription = scene.pair()
    Timer(0.7, scene.publish, (topic, b"late")).start()
    answer = SUBSCRIBER.pull(request={"subscription": subscription, "max_messages": 1}, timeout=5, retry=None)
    assert data(answer.received_messages) == [b"late"], "the pull ended before the message came"


@feature("pull-given-up")
def pull_given_up(scene):
    """A pull that its client has given up takes no message with it."""
    topic, subscription = scene.pair(ack_deadline_seconds=600)
    for number in range(20):
        try:
            SUBSCRIBER.pull(request={"subscription": subscription, "max_messages": 1}, timeout=0.1, retry=None)
        except DeadlineExceeded:
            pass
        scene.publish(topic, b"%d" % number)
        assert scene.pull(subscription, within=3), f"message {number} went to a pull that nobody waits for"


@feature("nack-redelivers")
def nack_redelivers(scene):
    topic, subscription = scene.pair(ack_deadline_seconds=600)
    (message_id,) = scene.publish(topic, b"again")
    first = scene.pull_all(subscription, 1, ack=False)
    scene.extend(subscription, 0, *first)
    second = scene.pull_all(subscription, 1, within=5)
    assert second[0].message.message_id == message_id
    assert second[0].message.publish_time == first[0].message.publish_time
    assert second[0].ack_id != first[0].ack_id
    scene.quiet(subscription, 1)


@feature("ack-deadline-expires", seconds=30)
def ack_deadline_expires(scene):
    topic, subscription = scene.pair(ack_deadline_seconds=10)
    scene.publish(topic, b"slow")
    scene.pull_all(subscription, 1, ack=False)
    begun = time.monotonic()
    scene.pull_all(subscription, 1, within=17)
    waited = time.monotonic() - begun
    assert waited > 9, f"redelivered after {waited:.1f} s"


@feature("modify-ack-deadline", seconds=35)
def modify_ack_deadline(scene):
    topic, subscription = scene.pair(ack_deadline_seconds=10)
    scene.publish(topic, b"slow")
    received = scene.pull_all(subscription, 1, ack=False)
    scene.extend(subscription, 14, *received)
    scene.quiet(subscription, 12)
    received = scene.pull_all(subscription, 1, within=8, ack=False)
    scene.extend(subscription, 2, *received)
    scene.pull_all(subscription, 1, within=6)


@feature("modify-ack-deadline-limits")
def modify_ack_deadline_limits(scene):
    topic, subscription = scene.pair()
    scene.publish(topic, b"x")
    received = scene.pull_all(subscription, 1, ack=False)
    all_hold(
        {
            str(seconds): lambda seconds=seconds: rejected(
                InvalidArgument, scene.extend, subscription, seconds, *received
            )
            for seconds in (-1, 601)
        }
    )


@feature("ack-invalid-id")
def ack_invalid_id(scene):
    _, subscription = scene.pair()
    request = {"subscription": subscription, "ack_ids": ["made-up"]}
    rejected(InvalidArgument, SUBSCRIBER.acknowledge, request=request, timeout=5, retry=None)


@feature("ack-request-limit")
def ack_request_limit(scene):
    topic, subscription = scene.pair()
    scene.publish(topic, b"x")
    (received,) = scene.pull_all(subscription, 1, ack=False)
    many = [received] * (524_288 // len(received.ack_id))
    expected = "Request payload size exceeds the limit: 524288 bytes."
    for call in (lambda: scene.ack(subscription, *many), lambda: scene.extend(subscription, 20, *many)):
        text = rejected(InvalidArgument, call)
        assert expected in text, text
    scene.ack(subscription, *[received] * 100)


@feature("pull-of-push-subscription")
def pull_of_push_subscription(scene):
    topic = scene.topic()
    subscription = scene.subscription(topic, push_config={"push_endpoint": "http://127.0.0.1:9/"})
    request = {"subscription": subscription, "max_messages": 1, "return_immediately": True}
    text = rejected(FailedPrecondition, SUBSCRIBER.pull, request=request, timeout=5, retry=None)
    assert "This method is not supported for push subscriptions." in text, text
