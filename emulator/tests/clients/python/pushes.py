"""How pushes are delivered, acked and repeated."""

import time

from google.protobuf.duration_pb2 import Duration

from dead_letters import policy
from runner import feature
from scene import eventually


def push_pair(scene, endpoint, **fields):
    return scene.pair(push_config={"push_endpoint": endpoint.url}, **fields)


def check_status(scene, status, is_ack):
    endpoint = scene.endpoint(answers=[status])
    topic, _ = push_pair(scene, endpoint)
    scene.publish(topic, b"x")
    endpoint.wait(1 if is_ack else 2, within=8)
    endpoint.stays(1 if is_ack else 2, 2.5)


@feature("push-ack-statuses", seconds=30)
def push_ack_statuses(scene):
    endpoint = scene.endpoint(answers=[200, 201, 204])
    topic, _ = push_pair(scene, endpoint)
    for _ in range(3):
        scene.publish(topic, b"x")
    endpoint.wait(3)
    endpoint.stays(3, 2.5)


@feature("push-202-acks")
def push_202_acks(scene):
    check_status(scene, 202, True)


@feature("push-203-nacks")
def push_203_nacks(scene):
    check_status(scene, 203, False)


@feature("push-nack-statuses", seconds=40)
def push_nack_statuses(scene):
    statuses = [400, 404, 429, 500, 503, 206]
    endpoints = [scene.endpoint(answers=[status]) for status in statuses]
    topic = scene.topic()
    for status, endpoint in zip(statuses, endpoints):
        scene.subscription(topic, f"answers-{status}", push_config={"push_endpoint": endpoint.url})
    (message_id,) = scene.publish(topic, b"x")
    for status, endpoint in zip(statuses, endpoints):
        ids = [push.json()["message"]["messageId"] for push in endpoint.wait(2, within=10)]
        assert ids == [message_id] * 2, f"{status}: {ids}"


@feature("push-retry-policy", seconds=40)
def push_retry_policy(scene):
    endpoint = scene.endpoint(answers=[500, 500])
    pause = Duration(seconds=3)
    topic, _ = push_pair(scene, endpoint, retry_policy={"minimum_backoff": pause, "maximum_backoff": pause})
    scene.publish(topic, b"x")
    first, second, third = (push.arrived for push in endpoint.wait(3, within=20))
    waits = [round(second - first, 1), round(third - second, 1)]
    assert all(2.5 <= wait <= 6 for wait in waits), f"a back-off of 3 s took {waits} s"


@feature("push-deadline", seconds=40)
def push_deadline(scene):
    """The ack deadline is the time limit of the request, which is then given up."""
    endpoint = scene.endpoint(answers=["never"])
    topic, _ = push_pair(scene, endpoint, ack_deadline_seconds=10)
    scene.publish(topic, b"x")
    first, second = (push.arrived for push in endpoint.wait(2, within=20))
    assert 9 < second - first < 16, f"pushed again after {second - first:.1f} s"
    eventually(lambda: endpoint.abandoned == 1, 2, lambda: "the first request is still open")


@feature("push-dead-letter", seconds=45)
def push_dead_letter(scene):
    endpoint = scene.endpoint(answers=[500] * 20)
    topic, subscription, letters = policy(scene, push_config={"push_endpoint": endpoint.url})
    scene.publish(topic, b"poison", attributes={"a": "b"})
    letter = scene.pull_all(letters, 1, within=40)[0].message
    assert letter.data == b"poison" and letter.attributes["a"] == "b"
    assert letter.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert letter.attributes["CloudPubSubDeadLetterSourceSubscription"] == "billing"
    endpoint.stays(5, 1.5)


@feature("push-delivery-attempt", seconds=30)
def push_delivery_attempt(scene):
    endpoint = scene.endpoint(answers=[500])
    topic, _, _ = policy(scene, push_config={"push_endpoint": endpoint.url})
    plain = scene.endpoint()
    scene.subscription(topic, "plain", push_config={"push_endpoint": plain.url})
    scene.publish(topic, b"x")
    attempts = [push.json().get("deliveryAttempt") for push in endpoint.wait(2)]
    assert attempts == [1, 2], f"{attempts}"
    assert "deliveryAttempt" not in plain.wait(1)[0].json(), "an attempt without a dead-letter policy"


@feature("push-ordering", seconds=30)
def push_ordering(scene):
    """One of a key at once, in order, and a nacked one is pushed again before those that follow."""
    endpoint = scene.endpoint(answers=[204, 500], delay=0.1)
    topic, _ = push_pair(scene, endpoint, enable_message_ordering=True)
    for number in range(4):
        scene.publish(topic, b"%d" % number, ordering_key="k")
    bodies = [push.json()["message"]["data"] for push in endpoint.wait(5, within=15)]
    assert bodies == ["MA==", "MQ==", "MQ==", "Mg==", "Mw=="], f"{bodies}"
    assert endpoint.most_at_once == 1, f"{endpoint.most_at_once} of one key at once"


@feature("push-in-flight", seconds=45)
def push_in_flight(scene):
    endpoint = scene.endpoint(delay=1.0)
    topic, _ = push_pair(scene, endpoint, ack_deadline_seconds=60)
    scene.publish(topic, *[b"x"] * 900)
    begun = time.monotonic()
    eventually(lambda: endpoint.most_at_once >= 100, 30, lambda: f"{endpoint.most_at_once} pushes at once")
    assert time.monotonic() - begun < 30
