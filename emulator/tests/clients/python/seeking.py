"""Replay and purge."""

import datetime
import time

from google.api_core.exceptions import BadRequest, NotFound
from google.protobuf.duration_pb2 import Duration

from runner import feature
from scene import SUBSCRIBER, data, rejected
from snapshots import snapshot


def seek(subscription, **target):
    SUBSCRIBER.seek(request={"subscription": subscription, **target}, timeout=5, retry=None)


def now(**offset):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**offset)


@feature("seek-snapshot")
def seek_snapshot(scene):
    topic, subscription = scene.pair()
    ids = scene.publish(topic, b"1", b"2", b"3")
    taken = snapshot(scene, subscription)
    ids += scene.publish(topic, b"later")
    scene.pull_all(subscription, 4)
    scene.quiet(subscription, 0.5)
    seek(subscription, snapshot=taken.name)
    again = scene.pull_all(subscription, 4)
    assert sorted(one.message.message_id for one in again) == sorted(ids), "replayed under other ids"


@feature("seek-snapshot-of-another-subscription")
def seek_snapshot_of_another_subscription(scene):
    """It brings the state of the one to the other: what the first had not acked."""
    topic, first = scene.pair()
    second = scene.subscription(topic, "second")
    scene.publish(topic, b"acked by both")
    scene.pull_all(first, 1)
    scene.pull_all(second, 1)
    scene.publish(topic, b"acked by second")
    taken = snapshot(scene, first)
    scene.pull_all(second, 1)
    seek(second, snapshot=taken.name)
    assert data(scene.pull_all(second, 1)) == [b"acked by second"]
    scene.quiet(second, 1)


@feature("seek-time-back")
def seek_time_back(scene):
    topic, subscription = scene.pair(retain_acked_messages=True)
    ids = scene.publish(topic, b"1", b"2", b"3")
    scene.pull_all(subscription, 3)
    scene.quiet(subscription, 0.5)
    seek(subscription, time=now(minutes=-5))
    again = scene.pull_all(subscription, 3)
    assert sorted(one.message.message_id for one in again) == sorted(ids), "replayed under other ids"


@feature("seek-time-forward")
def seek_time_forward(scene):
    topic, subscription = scene.pair()
    scene.publish(topic, b"1", b"2", b"3")
    time.sleep(0.1)
    seek(subscription, time=now())
    scene.quiet(subscription, 1)
    scene.publish(topic, b"new")
    assert data(scene.pull_all(subscription, 1)) == [b"new"]


@feature("seek-rejections")
def seek_rejections(scene):
    topic, subscription = scene.pair()
    other = scene.topic("other")
    elsewhere = snapshot(scene, scene.subscription(other, "elsewhere"))
    rejected(NotFound, seek, subscription, snapshot=scene.path("snapshots", "missing"))
    rejected(BadRequest, seek, subscription, snapshot=elsewhere.name)


@feature("seek-with-ordering")
def seek_with_ordering(scene):
    topic, subscription = scene.pair(retain_acked_messages=True, enable_message_ordering=True)
    for number in range(1, 4):
        scene.publish(topic, b"%d" % number, ordering_key="k")
    scene.pull_all(subscription, 3)
    seek(subscription, time=now(minutes=-5))
    again = data(scene.pull_all(subscription, 3))
    assert again == [b"1", b"2", b"3"], f"{again}"


@feature("topic-retention-replay")
def topic_retention_replay(scene):
    topic = scene.topic(message_retention_duration=Duration(seconds=600))
    ids = scene.publish(topic, b"before", b"any subscription")
    subscription = scene.subscription(topic)
    shown = SUBSCRIBER.get_subscription(subscription=subscription, timeout=5)
    scene.quiet(subscription, 1)
    seek(subscription, time=now(minutes=-5))
    again = scene.pull_all(subscription, 2)
    assert sorted(one.message.message_id for one in again) == sorted(ids), "replayed under other ids"
    assert shown.topic_message_retention_duration.seconds == 600, "the subscription does not show the topic's retention"
