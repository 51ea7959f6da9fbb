"""IAM policies, which an emulator keeps without enforcing them."""

from google.api_core.exceptions import InvalidArgument

from runner import feature
from scene import PUBLISHER, SUBSCRIBER, all_hold, rejected

BINDING = {"role": "roles/pubsub.viewer", "members": ["user:ada@example.com"]}


def check_policy(client, resource, permissions):
    request = {"resource": resource}
    before = client.get_iam_policy(request=request, timeout=5)
    assert not before.bindings
    client.set_iam_policy(request={**request, "policy": {"bindings": [BINDING]}}, timeout=5)
    after = client.get_iam_policy(request=request, timeout=5)
    assert [(one.role, list(one.members)) for one in after.bindings] == [(BINDING["role"], BINDING["members"])]
    assert after.etag and after.etag != before.etag, "no new etag"
    answer = client.test_iam_permissions(request={**request, "permissions": permissions}, timeout=5)
    assert list(answer.permissions) == permissions, f"{answer.permissions}"


@feature("iam-topic")
def iam_topic(scene):
    check_policy(PUBLISHER, scene.topic(), ["pubsub.topics.publish", "pubsub.topics.get"])


@feature("iam-subscription")
def iam_subscription(scene):
    check_policy(SUBSCRIBER, scene.pair()[1], ["pubsub.subscriptions.consume"])


@feature("iam-missing-resource")
def iam_missing_resource(scene):
    request = {"resource": scene.path("topics", "missing"), "permissions": ["pubsub.topics.get"]}
    assert not PUBLISHER.test_iam_permissions(request=request, timeout=5).permissions


@feature("iam-rejections")
def iam_rejections(scene):
    topic = scene.topic()

    def ask(*permissions):
        request = {"resource": topic, "permissions": permissions}
        return list(PUBLISHER.test_iam_permissions(request=request, timeout=5).permissions)

    def allow(member):
        policy = {"bindings": [{**BINDING, "members": [member]}]}
        PUBLISHER.set_iam_policy(request={"resource": topic, "policy": policy}, timeout=5)

    permissions = ["pubsub.topics.bogus", "pubsub.subscriptions.consume", "storage.buckets.get", "pubsub.topics.*"]
    members = ["bogus", "user:ada", "ada@example.com", "bogus:ada@example.com"]
    wrong = [(ask, one) for one in permissions] + [(allow, one) for one in members]
    all_hold({one: lambda call=call, one=one: rejected(InvalidArgument, call, one) for call, one in wrong})
    assert ask("pubsub.topics.get", "pubsub.topics.get") == ["pubsub.topics.get"]
    for member in ["allUsers", "serviceAccount:push@shop.iam.gserviceaccount.com", "domain:example.com"]:
        allow(member)
