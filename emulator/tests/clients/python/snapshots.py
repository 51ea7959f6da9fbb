"""Snapshots as resources."""

import datetime

from google.api_core.exceptions import AlreadyExists, NotFound
from google.protobuf.timestamp_pb2 import Timestamp

from runner import feature
from scene import SUBSCRIBER, rejected


def snapshot(scene, subscription, name="before", **fields):
    request = {"name": scene.path("snapshots", name), "subscription": subscription, **fields}
    return SUBSCRIBER.create_snapshot(request=request, timeout=5)


@feature("snapshot-lifecycle")
def snapshot_lifecycle(scene):
    topic, subscription = scene.pair()
    made = snapshot(scene, subscription)
    assert made.topic == topic
    left = made.expire_time - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=6) < left <= datetime.timedelta(days=7, minutes=1), f"it lives {left}"
    assert SUBSCRIBER.get_snapshot(snapshot=made.name, timeout=5) == made
    rejected(AlreadyExists, snapshot, scene, subscription)
    rejected(NotFound, snapshot, scene, scene.path("subscriptions", "missing"), "other")
    assert [one.name for one in SUBSCRIBER.list_snapshots(project=scene.project, timeout=5)] == [made.name]
    SUBSCRIBER.delete_snapshot(snapshot=made.name, timeout=5)
    rejected(NotFound, SUBSCRIBER.get_snapshot, snapshot=made.name, timeout=5)


@feature("snapshot-without-name")
def snapshot_without_name(scene):
    _, subscription = scene.pair()
    first, second = (SUBSCRIBER.create_snapshot(request={"subscription": subscription}, timeout=5) for _ in range(2))
    assert first.name.startswith(scene.path("snapshots", "")) and first.name != second.name, f"{first.name}"
    assert SUBSCRIBER.get_snapshot(snapshot=first.name, timeout=5) == first


@feature("snapshot-labels")
def snapshot_labels(scene):
    _, subscription = scene.pair()
    made = snapshot(scene, subscription, labels={"team": "a"})
    shown = SUBSCRIBER.get_snapshot(snapshot=made.name, timeout=5).labels
    assert made.labels == shown == {"team": "a"}, f"labels {made.labels}, {shown}"


@feature("snapshot-update")
def snapshot_update(scene):
    _, subscription = scene.pair()
    made = snapshot(scene, subscription, labels={"team": "a"})
    sooner = made.expire_time - datetime.timedelta(hours=1)
    expire_time = Timestamp()
    expire_time.FromDatetime(sooner)
    changed = {"name": made.name, "labels": {"team": "b"}, "expire_time": expire_time}
    request = {"snapshot": changed, "update_mask": {"paths": ["labels", "expire_time"]}}
    SUBSCRIBER.update_snapshot(request=request, timeout=5)
    shown = SUBSCRIBER.get_snapshot(snapshot=made.name, timeout=5)
    assert shown.labels == {"team": "b"}, f"{shown.labels}"
    assert abs((shown.expire_time - sooner).total_seconds()) < 1, f"{shown.expire_time}"
