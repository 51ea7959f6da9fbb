"""IAM policies, which an emulator keeps without enforcing them."""

from runner import feature
from scene import PUBLISHER, SUBSCRIBER

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
