"""Which messages a subscription with a filter gets."""

from google.api_core.exceptions import InvalidArgument

from runner import feature
from scene import all_hold, data, rejected

MESSAGES = {
    b"english": {"lang": "en", "kind": "order"},
    b"british": {"lang": "en-GB", "kind": "order"},
    b"french": {"lang": "fr", "kind": "refund"},
    b"spaced": {"lang": "de", "a b": "yes"},
    b"none": {"other": "1"},
}
#: What every filter lets through.
FILTERS = {
    "attributes:lang": {b"english", b"british", b"french", b"spaced"},
    'attributes.lang = "en"': {b"english"},
    'attributes:lang AND attributes.lang != "en"': {b"british", b"french", b"spaced"},
    'hasPrefix(attributes.lang, "en")': {b"english", b"british"},
    "NOT attributes:lang": {b"none"},
    'attributes:lang AND attributes.kind = "order"': {b"english", b"british"},
    'attributes.lang = "fr" OR attributes:other': {b"french", b"none"},
    'attributes:kind AND NOT (attributes.lang = "fr" OR hasPrefix(attributes.lang, "en-"))': {b"english"},
    'attributes:"a b"': {b"spaced"},
    'attributes."a b" = "yes"': {b"spaced"},
}


@feature("filter", seconds=40)
def filter_messages(scene):
    topic = scene.topic()
    subscriptions = {
        text: scene.subscription(topic, f"filter-{number}", filter=text) for number, text in enumerate(FILTERS)
    }
    for content, attributes in MESSAGES.items():
        scene.publish(topic, content, attributes=attributes)

    def is_filtered(text):
        def check():
            wanted = FILTERS[text]
            found = set(data(scene.pull(subscriptions[text], len(wanted), within=4)))
            found |= set(data(scene.pull(subscriptions[text], within=0.3)))
            assert found == wanted, f"{sorted(found)}"

        return check

    all_hold({text: is_filtered(text) for text in FILTERS})


@feature("filter-invalid")
def filter_invalid(scene):
    topic = scene.topic()
    faults = ["bogus((", "attributes.lang =", 'data = "x"', 'attributes:lang AND', f'attributes:{"k" * 256}']
    all_hold(
        {
            text[:30]: lambda number=number, text=text: rejected(
                InvalidArgument, scene.subscription, topic, f"invalid-{number}", filter=text
            )
            for number, text in enumerate(faults)
        }
    )


@feature("filter-shown")
def filter_shown(scene):
    from scene import SUBSCRIBER

    _, subscription = scene.pair(filter="attributes:lang")
    assert SUBSCRIBER.get_subscription(subscription=subscription, timeout=5).filter == "attributes:lang"
