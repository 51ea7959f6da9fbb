"""Updates by field mask."""

from google.api_core.exceptions import InvalidArgument
from google.protobuf.duration_pb2 import Duration

from runner import feature
from scene import PUBLISHER, SUBSCRIBER, all_hold, rejected


def update(subscription, *paths, **fields):
    request = {"subscription": {"name": subscription, **fields}, "update_mask": {"paths": list(paths)}}
    answer = SUBSCRIBER.update_subscription(request=request, timeout=5, retry=None)
    shown = SUBSCRIBER.get_subscription(subscription=subscription, timeout=5)
    assert answer == shown, "the answer is not what is shown afterwards"
    return shown


def update_topic(topic, *paths, **fields):
    request = {"topic": {"name": topic, **fields}, "update_mask": {"paths": list(paths)}}
    PUBLISHER.update_topic(request=request, timeout=5, retry=None)
    return PUBLISHER.get_topic(topic=topic, timeout=5)


def equal(found, expected):
    assert found == expected, f"{found}"


@feature("update-subscription")
def update_subscription(scene):
    topic, subscription = scene.pair(labels={"kept": "yes"})
    retry = {"minimum_backoff": Duration(seconds=5), "maximum_backoff": Duration(seconds=50)}
    letter = {"dead_letter_topic": topic, "max_delivery_attempts": 7}

    def ack_deadline():
        equal(update(subscription, "ack_deadline_seconds", ack_deadline_seconds=77).ack_deadline_seconds, 77)

    def retry_policy():
        shown = update(subscription, "retry_policy", retry_policy=retry).retry_policy
        equal((shown.minimum_backoff.seconds, shown.maximum_backoff.seconds), (5, 50))

    def dead_letter_policy():
        shown = update(subscription, "dead_letter_policy", dead_letter_policy=letter).dead_letter_policy
        equal((shown.dead_letter_topic, shown.max_delivery_attempts), (topic, 7))

    def push_config():
        url = "http://127.0.0.1:9/push"
        equal(update(subscription, "push_config", push_config={"push_endpoint": url}).push_config.push_endpoint, url)
        equal(update(subscription, "push_config").push_config.push_endpoint, "")

    def retention():
        fields = {"message_retention_duration": Duration(seconds=3600), "retain_acked_messages": True}
        shown = update(subscription, "message_retention_duration", "retain_acked_messages", **fields)
        equal((shown.message_retention_duration.seconds, shown.retain_acked_messages), (3600, True))

    def exactly_once():
        fields = {"enable_exactly_once_delivery": True}
        equal(update(subscription, *fields, **fields).enable_exactly_once_delivery, True)

    def the_rest_is_kept():
        shown = SUBSCRIBER.get_subscription(subscription=subscription, timeout=5)
        equal((shown.labels, shown.ack_deadline_seconds, shown.topic), ({"kept": "yes"}, 77, topic))

    checks = [ack_deadline, retry_policy, dead_letter_policy, push_config, retention, exactly_once, the_rest_is_kept]
    all_hold({check.__name__: check for check in checks})


@feature("update-subscription-clears")
def update_subscription_clears(scene):
    """A path in the mask without a value clears the field."""
    topic = scene.topic()
    letter = {"dead_letter_topic": topic, "max_delivery_attempts": 7}
    retry = {"minimum_backoff": Duration(seconds=5), "maximum_backoff": Duration(seconds=50)}
    subscription = scene.subscription(topic, dead_letter_policy=letter, retry_policy=retry)
    shown = update(subscription, "dead_letter_policy", "retry_policy")
    assert not shown.dead_letter_policy and not shown.retry_policy, f"{shown}"


@feature("update-subscription-labels")
def update_subscription_labels(scene):
    _, subscription = scene.pair(labels={"team": "a"})
    equal(update(subscription, "labels", labels={"team": "b", "more": "c"}).labels, {"team": "b", "more": "c"})


@feature("update-subscription-expiration")
def update_subscription_expiration(scene):
    _, subscription = scene.pair()
    shown = update(subscription, "expiration_policy", expiration_policy={"ttl": Duration(seconds=200_000)})
    equal(shown.expiration_policy.ttl.total_seconds(), 200_000)
    shown = update(subscription, "expiration_policy", expiration_policy={})
    assert "expiration_policy" in shown and not shown.expiration_policy.ttl, f"never: {shown.expiration_policy}"


@feature("update-subscription-rejections")
def update_subscription_rejections(scene):
    topic, subscription = scene.pair()
    other = scene.topic("other")
    faults = {
        "topic": {"topic": other},
        "filter": {"filter": "attributes:a"},
        "enable_message_ordering": {"enable_message_ordering": True},
        "made_up": {},
        "empty mask": {"ack_deadline_seconds": 20},
        "ack_deadline_seconds": {"ack_deadline_seconds": 601},
    }

    def is_rejected(path, fields):
        paths = [] if path == "empty mask" else [path]
        return lambda: rejected(InvalidArgument, update, subscription, *paths, **fields)

    all_hold({path: is_rejected(path, fields) for path, fields in faults.items()})


@feature("modify-push-config")
def modify_push_config(scene):
    topic, subscription = scene.pair()
    scene.publish(topic, b"waiting")
    endpoint = scene.endpoint()
    request = {"subscription": subscription, "push_config": {"push_endpoint": endpoint.url}}
    SUBSCRIBER.modify_push_config(request=request, timeout=5)
    endpoint.wait(1)
    SUBSCRIBER.modify_push_config(request={"subscription": subscription, "push_config": {}}, timeout=5)
    scene.publish(topic, b"pulled")
    equal([one.message.data for one in scene.pull_all(subscription, 1)], [b"pulled"])
    equal(len(endpoint.pushes), 1)


@feature("update-topic")
def update_topic_retention(scene):
    topic = scene.topic(labels={"kept": "yes"})
    shown = update_topic(topic, "message_retention_duration", message_retention_duration=Duration(seconds=900))
    equal(shown.message_retention_duration.seconds, 900)
    equal(shown.labels, {"kept": "yes"})


@feature("update-topic-labels")
def update_topic_labels(scene):
    topic = scene.topic(labels={"team": "a"})
    equal(update_topic(topic, "labels", labels={"team": "b"}).labels, {"team": "b"})


@feature("labels-limits")
def labels_limits(scene):
    topic, subscription = scene.pair()
    good = {**{f"k{number}": "v" for number in range(62)}, "a" * 63: "ü" * 63, "команда_1-a": ""}
    equal(dict(update_topic(topic, "labels", labels=good).labels), good)
    many = {f"k{number}": "v" for number in range(65)}
    wrong = [{"Team": "a"}, {"1a": "a"}, {"a b": "a"}, {"a" * 64: "a"}, {"a": "A"}, {"a": "a" * 64}, many]

    def checks(call, **fields):
        return {
            f"{call.__name__} {str(labels)[:20]}": lambda labels=labels: rejected(
                InvalidArgument, call, **fields, labels=labels
            )
            for labels in wrong
        }

    def create(labels):
        scene.topic("other", labels=labels)

    def snapshot(labels):
        request = {"name": scene.path("snapshots", "before"), "subscription": subscription, "labels": labels}
        SUBSCRIBER.create_snapshot(request=request, timeout=5)

    def change(labels):
        update(subscription, "labels", labels=labels)

    all_hold({**checks(create), **checks(snapshot), **checks(change)})


@feature("update-topic-rejections")
def update_topic_rejections(scene):
    topic = scene.topic()
    all_hold(
        {
            "empty mask": lambda: rejected(InvalidArgument, update_topic, topic),
            "made_up": lambda: rejected(InvalidArgument, update_topic, topic, "made_up"),
            "retention of 60 s": lambda: rejected(
                InvalidArgument,
                update_topic,
                topic,
                "message_retention_duration",
                message_retention_duration=Duration(seconds=60),
            ),
        }
    )
