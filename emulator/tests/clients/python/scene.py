"""A project of its own, Google's clients, and what checks say often."""

import os
import secrets
import time

from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient

from endpoint import Endpoint

HOST = os.environ["PUBSUB_EMULATOR_HOST"]
#: The clients without convenience: requests go out as written.
PUBLISHER = PublisherClient()
SUBSCRIBER = SubscriberClient()
SCHEMAS = SchemaServiceClient()


class Scene:
    def __init__(self, feature):
        self.project_id = f"{feature[:20].rstrip('-')}-{secrets.token_hex(4)}"
        self.project = f"projects/{self.project_id}"
        self._closing = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for close in reversed(self._closing):
            close()

    def path(self, kind, name):
        return f"{self.project}/{kind}/{name}"

    def topic(self, name="orders", **fields):
        return PUBLISHER.create_topic(request={"name": self.path("topics", name), **fields}, timeout=10).name

    def subscription(self, topic, name="billing", **fields):
        request = {"name": self.path("subscriptions", name), "topic": topic, **fields}
        return SUBSCRIBER.create_subscription(request=request, timeout=10).name

    def pair(self, **fields):
        """A topic, and a subscription of these fields."""
        topic = self.topic()
        return topic, self.subscription(topic, **fields)

    def endpoint(self, **fields):
        endpoint = Endpoint(**fields)
        self._closing.append(endpoint.close)
        return endpoint

    def publisher(self, **settings):
        """Google's publisher as applications use it."""
        client = pubsub_v1.PublisherClient(**settings)
        self._closing.append(client.stop)
        return client

    def stream(self, subscription, callback, **settings):
        """Google's subscriber as applications use it: calls back for every message until the scene ends."""
        client = pubsub_v1.SubscriberClient()
        future = client.subscribe(subscription, callback, **settings)
        self._closing.append(client.close)
        self._closing.append(lambda: _end(future))
        return future

    def publish(self, topic, *contents, **fields):
        """One request; a content is data, or a whole message. Returns the ids."""
        messages = [_message(content, fields) for content in contents]
        return list(PUBLISHER.publish(request={"topic": topic, "messages": messages}, timeout=10, retry=None).message_ids)

    def pull(self, subscription, count=1, within=10, ack=True):
        """Pulls until there are so many, or for so long; acks each at once if wanted.

        It asks again and again: a pull that waits when its client gives up could still be handed what comes next.
        """
        received = []
        until = time.monotonic() + within
        while len(received) < count:
            request = {"subscription": subscription, "max_messages": count - len(received), "return_immediately": True}
            answer = SUBSCRIBER.pull(request=request, retry=None, timeout=10)
            received.extend(answer.received_messages)
            if ack and answer.received_messages:
                self.ack(subscription, *answer.received_messages)
            if time.monotonic() > until:
                break
            if not answer.received_messages:
                time.sleep(0.03)
        return received

    def pull_all(self, subscription, count, **settings):
        received = self.pull(subscription, count, **settings)
        assert len(received) == count, f"{len(received)} of {count} messages came"
        return received

    def ack(self, subscription, *received):
        ids = [one.ack_id for one in received]
        SUBSCRIBER.acknowledge(request={"subscription": subscription, "ack_ids": ids}, retry=None, timeout=10)

    def extend(self, subscription, seconds, *received):
        """Zero seconds is a nack."""
        ids = [one.ack_id for one in received]
        request = {"subscription": subscription, "ack_ids": ids, "ack_deadline_seconds": seconds}
        SUBSCRIBER.modify_ack_deadline(request=request, retry=None, timeout=10)

    def quiet(self, subscription, seconds):
        received = self.pull(subscription, within=seconds, ack=False)
        assert not received, f"{received[0].message.data[:40]!r} came, which should not"


def _message(content, fields):
    return content if isinstance(content, dict) else {"data": content, **fields}


def _end(future):
    future.cancel()
    try:
        future.result(timeout=3)
    except Exception:  # how a stream ends is nothing that a check is about
        pass


def data(received):
    return [one.message.data for one in received]


def rejected(kind, call, *arguments, **fields):
    """The text of the rejection."""
    try:
        call(*arguments, **fields)
    except kind as error:
        return error.message
    except Exception as error:
        raise AssertionError(f"expected {kind.__name__}, found {type(error).__name__}: {error}") from error
    raise AssertionError(f"expected {kind.__name__}, but it was accepted")


def all_hold(checks):
    """Runs every named check and tells of all that fail, rather than of the first."""
    faults = []
    for name, check in checks.items():
        try:
            check()
        except Exception as error:
            faults.append(f"{name}: {error}")
    assert not faults, "; ".join(faults)


def eventually(true, within, what):
    until = time.monotonic() + within
    while not true():
        assert time.monotonic() < until, f"not within {within} s: {what()}"
        time.sleep(0.02)
