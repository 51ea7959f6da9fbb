"""Exactly-once delivery, by the client that applications use."""

import threading
import time

from google.cloud.pubsub_v1.types import FlowControl
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus

from runner import feature
from scene import eventually


@feature("exactly-once-ack")
def exactly_once_ack(scene):
    topic, subscription = scene.pair(enable_exactly_once_delivery=True)
    answers = []
    scene.publish(topic, *[b"%d" % number for number in range(10)])
    scene.stream(subscription, lambda message: answers.append(_answer(message.ack_with_response())))
    eventually(lambda: len(answers) == 10, 15, lambda: f"{len(answers)} acks")
    assert set(answers) == {AcknowledgeStatus.SUCCESS}, f"{answers}"


@feature("exactly-once-late-ack", seconds=40)
def exactly_once_late_ack(scene):
    """The client gives its lease up after a second, so that the deadline of ten passes before the ack."""
    topic, subscription = scene.pair(enable_exactly_once_delivery=True, ack_deadline_seconds=10)
    answers = {}

    def take(message):
        is_first = not answers
        if is_first:
            answers["late"] = None
            time.sleep(13)
        answers["late" if is_first else "again"] = _answer(message.ack_with_response())

    lease = FlowControl(max_lease_duration=1, min_duration_per_lease_extension=10, max_duration_per_lease_extension=10)
    scene.publish(topic, b"late")
    scene.stream(subscription, take, flow_control=lease)
    eventually(lambda: all(answers.get(name) for name in ("late", "again")), 30, lambda: f"{answers}")
    assert answers["again"] == AcknowledgeStatus.SUCCESS, f"{answers}"
    assert answers["late"] == AcknowledgeStatus.INVALID_ACK_ID, f"a late ack: {answers['late']}"


def _answer(future):
    try:
        return future.result(timeout=8)
    except AcknowledgeError as error:
        return error.error_code


@feature("exactly-once-no-redelivery", seconds=30)
def exactly_once_no_redelivery(scene):
    topic, subscription = scene.pair(enable_exactly_once_delivery=True, ack_deadline_seconds=10)
    lock, seen, answers = threading.Lock(), [], []

    def take(message):
        with lock:
            seen.append(message.message_id)
        time.sleep(0.3)
        answers.append(_answer(message.ack_with_response()))

    ids = scene.publish(topic, *[b"%d" % number for number in range(20)])
    scene.stream(subscription, take)
    eventually(lambda: len(answers) == 20, 12, lambda: f"{len(answers)} acks")
    time.sleep(11)
    assert sorted(seen) == sorted(ids), f"{len(seen)} deliveries of 20 messages"
    assert set(answers) == {AcknowledgeStatus.SUCCESS}


@feature("exactly-once-nack")
def exactly_once_nack(scene):
    topic, subscription = scene.pair(enable_exactly_once_delivery=True, ack_deadline_seconds=600)
    answers = []

    def take(message):
        answers.append(_answer(message.ack_with_response() if answers else message.nack_with_response()))

    scene.stream(subscription, take)
    scene.publish(topic, b"again")
    eventually(lambda: len(answers) == 2, 10, lambda: f"{answers}")
    assert answers == [AcknowledgeStatus.SUCCESS] * 2, f"{answers}"
