"""Streaming pull, by the client that applications use and by hand."""

import queue
import threading
import time

from google.api_core.exceptions import InvalidArgument, NotFound
from google.cloud.pubsub_v1.types import FlowControl

from runner import feature
from scene import SUBSCRIBER, all_hold, eventually, rejected


class Stream:
    """A stream of our own: what the server sends, without a client that holds back."""

    def __init__(self, subscription, **fields):
        self.responses = queue.SimpleQueue()
        self.requests = queue.SimpleQueue()
        self.requests.put({"subscription": subscription, "stream_ack_deadline_seconds": 60, **fields})
        self._call = SUBSCRIBER.streaming_pull(requests=iter(self._next, None), timeout=30, retry=None)
        threading.Thread(target=self._read, daemon=True).start()

    def _next(self):
        request = self.requests.get()
        if request is None:
            return None
        from google.pubsub_v1 import StreamingPullRequest

        return StreamingPullRequest(request)

    def _read(self):
        try:
            for response in self._call:
                self.responses.put(response)
        except Exception as error:
            self.responses.put(error)

    def receive(self, seconds, enough=10**9):
        """The messages that come in this time."""
        received = []
        until = time.monotonic() + seconds
        while len(received) < enough and (left := until - time.monotonic()) > 0:
            try:
                response = self.responses.get(timeout=left)
            except queue.Empty:
                break
            if isinstance(response, Exception):
                raise response
            received.extend(response.received_messages)
        return received

    def close(self):
        self.requests.put(None)
        self._call.cancel()


@feature("streaming-pull-1000", seconds=30)
def streaming_pull_1000(scene):
    topic, subscription = scene.pair()
    seen = []

    def take(message):
        seen.append(message.data)
        message.ack()

    scene.stream(subscription, take)
    sent = [b"%d" % number for number in range(1000)]
    scene.publish(topic, *sent)
    eventually(lambda: len(set(seen)) == 1000, 20, lambda: f"{len(set(seen))} messages")
    assert sorted(set(seen)) == sorted(sent)
    assert len(seen) < 1050, f"{len(seen) - 1000} came twice"


@feature("streaming-pull-flow-control")
def streaming_pull_flow_control(scene):
    topic, subscription = scene.pair()
    scene.publish(topic, *[b"%d" % number for number in range(30)])
    stream = Stream(subscription, max_outstanding_messages=5)
    first = stream.receive(1.5)
    assert len(first) == 5, f"{len(first)} messages un-acked, at most 5 were asked for"
    stream.requests.put({"ack_ids": [one.ack_id for one in first[:2]]})
    more = stream.receive(3, enough=2) + stream.receive(1)
    stream.close()
    assert len(more) == 2, f"{len(more)} more messages after 2 acks"


@feature("streaming-pull-flow-control-client", seconds=30)
def streaming_pull_flow_control_client(scene):
    topic, subscription = scene.pair()
    lock, state = threading.Lock(), {"now": 0, "most": 0}
    seen = set()

    def take(message):
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        time.sleep(0.05)
        with lock:
            state["now"] -= 1
            seen.add(message.data)
        message.ack()

    scene.publish(topic, *[b"%d" % number for number in range(60)])
    scene.stream(subscription, take, flow_control=FlowControl(max_messages=4))
    eventually(lambda: len(seen) == 60, 15, lambda: f"{len(seen)} messages")
    assert state["most"] <= 4, f"{state['most']} at once"


@feature("streaming-pull-properties")
def streaming_pull_properties(scene):
    _, subscription = scene.pair(enable_message_ordering=True)
    stream = Stream(subscription)
    try:
        response = stream.responses.get(timeout=3)
    except queue.Empty:
        raise AssertionError("no subscription properties come") from None
    finally:
        stream.close()
    properties = response.subscription_properties
    assert properties.message_ordering_enabled and not properties.exactly_once_delivery_enabled, str(properties)


@feature("streaming-pull-acks-on-stream")
def streaming_pull_acks_on_stream(scene):
    topic, subscription = scene.pair(ack_deadline_seconds=600)
    stream = Stream(subscription)
    scene.publish(topic, b"acked", b"nacked")
    received = stream.receive(5, enough=2)
    by_data = {one.message.data: one.ack_id for one in received}
    assert len(by_data) == 2, f"{len(by_data)} of 2 messages came"
    nack = {"modify_deadline_ack_ids": [by_data[b"nacked"]], "modify_deadline_seconds": [0]}
    stream.requests.put({"ack_ids": [by_data[b"acked"]], **nack})
    again = stream.receive(3, enough=1) + stream.receive(1)
    stream.close()
    assert [one.message.data for one in again] == [b"nacked"], f"{again}"


@feature("streaming-pull-rejections")
def streaming_pull_rejections(scene):
    _, subscription = scene.pair()
    rejected(NotFound, Stream(scene.path("subscriptions", "missing")).receive, 5)
    rejected(InvalidArgument, Stream(subscription, stream_ack_deadline_seconds=9).receive, 3)


@feature("streaming-pull-keepalive")
def streaming_pull_keepalive(scene):
    _, subscription = scene.pair()
    stream = Stream(subscription, protocol_version=1)
    try:
        stream.responses.get(timeout=3)  # the subscription's properties, where these are sent
    except queue.Empty:
        pass
    for _ in range(2):
        stream.requests.put({})
        try:
            answer = stream.responses.get(timeout=2)
        except queue.Empty:
            raise AssertionError("no answer to an empty request") from None
        assert not isinstance(answer, Exception) and not answer.received_messages, f"{answer}"
    stream.close()


@feature("streaming-pull-first-request-only")
def streaming_pull_first_request_only(scene):
    _, subscription = scene.pair()

    def is_rejected(**fields):
        def check():
            stream = Stream(subscription)
            stream.requests.put(fields)
            try:
                rejected(InvalidArgument, stream.receive, 2)
            finally:
                stream.close()

        return check

    all_hold(
        {
            "subscription": is_rejected(subscription=subscription),
            "max_outstanding_messages": is_rejected(max_outstanding_messages=5),
            "max_outstanding_bytes": is_rejected(max_outstanding_bytes=5),
            "protocol_version": is_rejected(protocol_version=1),
        }
    )
