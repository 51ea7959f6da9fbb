"""Lists and their pages, and what becomes of subscriptions whose topic goes."""

from google.api_core.exceptions import FailedPrecondition, InvalidArgument, NotFound

from runner import feature
from scene import PUBLISHER, SCHEMAS, SUBSCRIBER, all_hold, data, rejected

AVRO = '{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}'


def check_pages(method, kind, names, **request):
    """Two a page: as many pages as that takes, and no token after the last."""
    found, pages, token = [], 0, ""
    while pages == 0 or token:
        page = next(method(request={**request, "page_size": 2, "page_token": token}, timeout=5).pages)
        listed, token = [getattr(one, "name", one) for one in getattr(page, kind)], page.next_page_token
        assert len(listed) <= 2, f"{len(listed)} on a page of 2"
        found.extend(listed)
        pages += 1
        assert pages < 9, "the pages do not end"
    assert sorted(found) == sorted(names), f"{found}"
    assert pages == 3, f"{len(names)} names on {pages} pages of 2"


@feature("list-topics")
def list_topics(scene):
    names = [scene.topic(f"topic-{number}") for number in range(5)]
    check_pages(PUBLISHER.list_topics, "topics", names, project=scene.project)


@feature("list-subscriptions")
def list_subscriptions(scene):
    topic = scene.topic()
    names = [scene.subscription(topic, f"subscription-{number}") for number in range(5)]
    check_pages(SUBSCRIBER.list_subscriptions, "subscriptions", names, project=scene.project)


@feature("list-snapshots")
def list_snapshots(scene):
    topic, subscription = scene.pair()
    names = [scene.path("snapshots", f"snapshot-{number}") for number in range(5)]
    for name in names:
        SUBSCRIBER.create_snapshot(request={"name": name, "subscription": subscription}, timeout=5)
    check_pages(SUBSCRIBER.list_snapshots, "snapshots", names, project=scene.project)
    check_pages(PUBLISHER.list_topic_snapshots, "snapshots", names, topic=topic)


def make_schema(scene, name="order"):
    schema = {"type_": "AVRO", "definition": AVRO}
    request = {"parent": scene.project, "schema_id": name, "schema": schema}
    return SCHEMAS.create_schema(request=request, timeout=5).name


@feature("list-schemas")
def list_schemas(scene):
    names = [make_schema(scene, f"schema-{number}") for number in range(5)]
    check_pages(SCHEMAS.list_schemas, "schemas", names, parent=scene.project)


@feature("list-schemas-view")
def list_schemas_view(scene):
    make_schema(scene)
    (basic,) = SCHEMAS.list_schemas(request={"parent": scene.project}, timeout=5)
    (full,) = SCHEMAS.list_schemas(request={"parent": scene.project, "view": "FULL"}, timeout=5)
    assert full.definition == AVRO, "no definition in the full view"
    assert basic.definition == "", "the basic view, which is the default, has the definition"


@feature("list-schema-revisions")
def list_schema_revisions(scene):
    name = make_schema(scene)
    changed = {"name": name, "type_": "AVRO", "definition": AVRO}
    for _ in range(4):
        SCHEMAS.commit_schema(request={"name": name, "schema": changed}, timeout=5)
    ids = [one.revision_id for one in SCHEMAS.list_schema_revisions(request={"name": name}, timeout=5)]
    assert len(set(ids)) == 5, f"{ids}"
    first = next(SCHEMAS.list_schema_revisions(request={"name": name, "page_size": 2}, timeout=5).pages)
    SCHEMAS.commit_schema(request={"name": name, "schema": changed}, timeout=5)
    rest = {"name": name, "page_size": 2, "page_token": first.next_page_token}
    pages = [page.schemas for page in SCHEMAS.list_schema_revisions(request=rest, timeout=5).pages]
    found = [one.revision_id for page in [first.schemas, *pages] for one in page]
    assert set(ids) <= set(found) and len(set(found)) == len(found), f"{found}, expected {ids}"
    assert all(len(page) <= 2 for page in pages)


@feature("list-negative-page-size")
def list_negative_page_size(scene):
    topic = scene.topic()
    calls = {
        "topics": (PUBLISHER.list_topics, {"project": scene.project}),
        "subscriptions": (SUBSCRIBER.list_subscriptions, {"project": scene.project}),
        "snapshots": (SUBSCRIBER.list_snapshots, {"project": scene.project}),
        "schemas": (SCHEMAS.list_schemas, {"parent": scene.project}),
        "revisions": (SCHEMAS.list_schema_revisions, {"name": make_schema(scene)}),
        "subscriptions of a topic": (PUBLISHER.list_topic_subscriptions, {"topic": topic}),
    }
    all_hold(
        {
            name: lambda method=method, request=request: rejected(
                InvalidArgument, method, request={**request, "page_size": -1}, timeout=5
            )
            for name, (method, request) in calls.items()
        }
    )


@feature("list-topic-subscriptions")
def list_topic_subscriptions(scene):
    topic, other = scene.topic(), scene.topic("other")
    names = [scene.subscription(topic, f"subscription-{number}") for number in range(5)]
    scene.subscription(other, "elsewhere")
    check_pages(PUBLISHER.list_topic_subscriptions, "subscriptions", names, topic=topic)


@feature("list-topic-subscriptions-missing")
def list_topic_subscriptions_missing(scene):
    missing = scene.path("topics", "missing")
    rejected(NotFound, PUBLISHER.list_topic_subscriptions, request={"topic": missing}, timeout=5)


@feature("detach-subscription")
def detach_subscription(scene):
    topic, subscription = scene.pair()
    scene.publish(topic, b"lost")
    PUBLISHER.detach_subscription(request={"subscription": subscription}, timeout=5)
    request = {"subscription": subscription, "max_messages": 1}
    rejected(FailedPrecondition, SUBSCRIBER.pull, request=request, timeout=5, retry=None)
    assert SUBSCRIBER.get_subscription(subscription=subscription, timeout=5).detached
    assert not list(PUBLISHER.list_topic_subscriptions(topic=topic, timeout=5))


@feature("delete-topic")
def delete_topic(scene):
    topic, subscription = scene.pair()
    scene.publish(topic, b"kept")
    PUBLISHER.delete_topic(topic=topic, timeout=5)
    assert SUBSCRIBER.get_subscription(subscription=subscription, timeout=5).topic == "_deleted-topic_"
    rejected(NotFound, scene.publish, topic, b"x")
    assert data(scene.pull_all(subscription, 1)) == [b"kept"]
    scene.topic()
    scene.publish(topic, b"other")
    scene.quiet(subscription, 1)


@feature("delete-subscription")
def delete_subscription(scene):
    topic, subscription = scene.pair()
    scene.publish(topic, b"dropped")
    SUBSCRIBER.delete_subscription(subscription=subscription, timeout=5)
    rejected(NotFound, SUBSCRIBER.get_subscription, subscription=subscription, timeout=5)
    scene.subscription(topic)
    scene.quiet(subscription, 1)
