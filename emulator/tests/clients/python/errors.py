"""Codes and texts of rejections, defaults and limits of declarations."""

from google.api_core.exceptions import AlreadyExists, InvalidArgument, NotFound
from google.protobuf.duration_pb2 import Duration

from runner import feature
from scene import PUBLISHER, SUBSCRIBER, all_hold, rejected


def rejections(scene):
    topic, subscription = scene.pair()
    missing_topic, missing = scene.path("topics", "missing"), scene.path("subscriptions", "missing")
    pull = {"subscription": missing, "max_messages": 1}
    return {
        "get topic": (NotFound, PUBLISHER.get_topic, {"topic": missing_topic}),
        "delete topic": (NotFound, PUBLISHER.delete_topic, {"topic": missing_topic}),
        "publish": (NotFound, scene.publish, {"topic": missing_topic}, b"x"),
        "subscribe": (NotFound, scene.subscription, {"topic": missing_topic, "name": "other"}),
        "get subscription": (NotFound, SUBSCRIBER.get_subscription, {"subscription": missing}),
        "delete subscription": (NotFound, SUBSCRIBER.delete_subscription, {"subscription": missing}),
        "pull": (NotFound, SUBSCRIBER.pull, {"request": pull, "timeout": 3}),
        "topic again": (AlreadyExists, PUBLISHER.create_topic, {"name": topic}),
        "subscription again": (AlreadyExists, scene.subscription, {"topic": topic}),
    }


@feature("error-codes")
def error_codes(scene):
    def is_rejected(kind, call, fields, *contents):
        fields = dict(fields)
        first = [fields.pop("topic")] if contents else []
        return lambda: rejected(kind, call, *first, *contents, **fields)

    all_hold({name: is_rejected(*case) for name, case in rejections(scene).items()})


@feature("error-texts")
def error_texts(scene):
    topic, subscription = scene.pair()
    texts = {
        "get topic": (NotFound, "Resource not found (resource=missing).", PUBLISHER.get_topic, "topics"),
        "get subscription": (
            NotFound,
            "Resource not found (resource=missing).",
            SUBSCRIBER.get_subscription,
            "subscriptions",
        ),
    }

    def says(kind, text, call, *arguments, **fields):
        found = rejected(kind, call, *arguments, **fields).rstrip(".")
        assert found == text.rstrip("."), f"{found!r}"

    exists = "Resource already exists in the project (resource={})."
    all_hold(
        {
            **{
                name: lambda kind=kind, text=text, call=call, path=path: says(
                    kind, text, call, **{path[:-1]: scene.path(path, "missing")}
                )
                for name, (kind, text, call, path) in texts.items()
            },
            "topic again": lambda: says(AlreadyExists, exists.format("orders"), scene.topic),
            "subscription again": lambda: says(
                AlreadyExists, exists.format("billing"), scene.subscription, topic
            ),
        }
    )


@feature("names")
def names(scene):
    topic = scene.topic()
    wrong = ["ab", "1abc", "goog-orders", "a" * 256, "with space", "with(bracket"]
    all_hold(
        {
            f"{kind} {name[:20]}": lambda make=make, name=name: rejected(InvalidArgument, make, name)
            for name in wrong
            for kind, make in {
                "topic": scene.topic,
                "subscription": lambda name: scene.subscription(topic, name),
            }.items()
        }
    )
    scene.topic("a" * 255)
    scene.topic("A-b_c.d~e+f")


@feature("subscription-defaults")
def subscription_defaults(scene):
    topic, subscription = scene.pair()
    shown = SUBSCRIBER.get_subscription(subscription=subscription, timeout=5)
    assert shown.ack_deadline_seconds == 10, f"ack deadline {shown.ack_deadline_seconds}"
    assert shown.message_retention_duration.days == 7, f"retention {shown.message_retention_duration}"
    assert shown.topic == topic and shown.state.name == "ACTIVE", f"state {shown.state.name}"


@feature("push-config-without-endpoint")
def push_config_without_endpoint(scene):
    topic, subscription = scene.pair()
    wrong = [{"oidc_token": {"service_account_email": "push@shop.example"}}, {"no_wrapper": {"write_metadata": True}}]

    def create(config):
        scene.subscription(topic, "other", push_config=config)

    def modify(config):
        request = {"subscription": subscription, "push_config": config}
        SUBSCRIBER.modify_push_config(request=request, timeout=5)

    all_hold(
        {
            f"{call.__name__} {config}": lambda call=call, config=config: rejected(InvalidArgument, call, config)
            for config in wrong
            for call in (create, modify)
        }
    )
    create({"attributes": {"x-goog-version": "v1"}})
    modify({})


@feature("default-expiration")
def default_expiration(scene):
    _, subscription = scene.pair()
    shown = SUBSCRIBER.get_subscription(subscription=subscription, timeout=5)
    assert "expiration_policy" in shown, "no expiration policy is shown"
    assert shown.expiration_policy.ttl.days == 31, f"{shown.expiration_policy.ttl}"


@feature("subscription-limits")
def subscription_limits(scene):
    topic = scene.topic()
    day = 86_400
    longest = {"message_retention_duration": Duration(seconds=31 * day)}
    wrong = {
        "ack deadline of 9 s": {"ack_deadline_seconds": 9},
        "ack deadline of 601 s": {"ack_deadline_seconds": 601},
        "retention of 599 s": {"message_retention_duration": Duration(seconds=599)},
        "retention of 32 days": {"message_retention_duration": Duration(seconds=32 * day)},
        "expiration after an hour": {"expiration_policy": {"ttl": Duration(seconds=3600)}},
        "no endpoint": {"push_config": {"push_endpoint": "nowhere"}},
    }
    all_hold(
        {
            name: lambda number=number, fields=fields: rejected(
                InvalidArgument, scene.subscription, topic, f"wrong-{number}", **fields
            )
            for number, (name, fields) in enumerate(wrong.items())
        }
        | {"retention of 31 days": lambda: scene.subscription(topic, "longest", **longest)}
    )
