"""The REST interface, by plain HTTP."""

import base64
import gzip
import json

import requests

from runner import feature
from scene import HOST


def call(method, path, body=None, status=200, timeout=10, **settings):
    answer = requests.request(method, f"http://{HOST}/v1/{path}", json=body, timeout=timeout, **settings)
    assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:200]}"
    return answer.json()


@feature("rest-publish-pull")
def rest_publish_pull(scene):
    topic, subscription = scene.path("topics", "orders"), scene.path("subscriptions", "billing")
    assert call("PUT", topic, {"labels": {"a": "b"}}) == {"name": topic, "labels": {"a": "b"}}
    shown = call("PUT", subscription, {"topic": topic, "ackDeadlineSeconds": 20})
    assert shown["ackDeadlineSeconds"] == 20 and shown["messageRetentionDuration"] == "604800s", f"{shown}"
    message = {"data": base64.b64encode(b"hi").decode(), "attributes": {"c": "d"}}
    (message_id,) = call("POST", f"{topic}:publish", {"messages": [message]})["messageIds"]
    (received,) = call("POST", f"{subscription}:pull", {"maxMessages": 5})["receivedMessages"]
    found = received["message"]
    assert (found["data"], found["attributes"], found["messageId"]) == (message["data"], {"c": "d"}, message_id)
    assert found["publishTime"].endswith("Z")
    assert call("POST", f"{subscription}:acknowledge", {"ackIds": [received["ackId"]]}) == {}
    empty = call("POST", f"{subscription}:pull", {"maxMessages": 1, "returnImmediately": True})
    assert not empty.get("receivedMessages"), f"{empty}"


@feature("rest-update")
def rest_update(scene):
    _, subscription = scene.pair()
    body = {"subscription": {"ackDeadlineSeconds": 33}, "updateMask": "ackDeadlineSeconds"}
    assert call("PATCH", subscription, body)["ackDeadlineSeconds"] == 33
    assert call("GET", subscription)["ackDeadlineSeconds"] == 33


@feature("rest-lists")
def rest_lists(scene):
    for number in range(3):
        scene.topic(f"topic-{number}")
    first = call("GET", f"{scene.project}/topics?pageSize=2")
    assert len(first["topics"]) == 2
    second = call("GET", f"{scene.project}/topics?pageSize=2&pageToken={first['nextPageToken']}")
    assert len(second["topics"]) == 1 and not second.get("nextPageToken")


@feature("rest-errors")
def rest_errors(scene):
    topic = scene.topic()
    for method, path, body, status, name in [
        ("GET", scene.path("topics", "missing"), None, 404, "NOT_FOUND"),
        ("PUT", topic, {}, 409, "ALREADY_EXISTS"),
        ("POST", f"{topic}:publish", {"messages": [{}]}, 400, "INVALID_ARGUMENT"),
        ("POST", f"{topic}:publish", {"made up": 1}, 400, "INVALID_ARGUMENT"),
    ]:
        error = call(method, path, body, status)["error"]
        assert error["code"] == status and error["status"] == name and error["message"], f"{error}"


@feature("rest-update-mask-in-query")
def rest_update_mask_in_query(scene):
    topic, subscription = scene.pair()
    body = {"subscription": {"ackDeadlineSeconds": 44, "retainAckedMessages": True}}
    for mask, seconds in (("ackDeadlineSeconds", 44), ("ack_deadline_seconds", 45)):
        body["subscription"]["ackDeadlineSeconds"] = seconds
        call("PATCH", f"{subscription}?updateMask={mask}", body)
        shown = call("GET", subscription)
        assert shown["ackDeadlineSeconds"] == seconds and not shown.get("retainAckedMessages"), f"{shown}"
    call("PATCH", f"{topic}?updateMask=messageRetentionDuration", {"topic": {"messageRetentionDuration": "3600s"}})
    assert call("GET", topic)["messageRetentionDuration"] == "3600s"


@feature("rest-compressed-body")
def rest_compressed_body(scene):
    topic, subscription = scene.pair()
    body = gzip.compress(json.dumps({"messages": [{"data": "aGk="}]}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    call("POST", f"{topic}:publish", data=body, headers=headers)
    assert scene.pull_all(subscription, 1)[0].message.data == b"hi"


@feature("rest-method-override")
def rest_method_override(scene):
    _, subscription = scene.pair()
    body = {"subscription": {"ackDeadlineSeconds": 55}, "updateMask": "ackDeadlineSeconds"}
    call("POST", subscription, body, headers={"X-HTTP-Method-Override": "PATCH"})
    assert call("GET", subscription)["ackDeadlineSeconds"] == 55


@feature("rest-body-limit")
def rest_body_limit(scene):
    topic = scene.topic()
    body = {"messages": [{"data": "A" * 10_485_760}]}
    error = call("POST", f"{topic}:publish", body, 400)["error"]
    assert error["message"] == "Request payload size exceeds the limit: 10485760 bytes.", f"{error}"
