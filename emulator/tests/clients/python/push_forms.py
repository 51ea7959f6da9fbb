"""What stands in a push: the body, the headers and the token."""

import base64
import time

from google.auth import jwt
from google.auth.transport.requests import Request
from google.oauth2 import id_token
from google.pubsub_v1 import PushConfig

from pushes import push_pair
from runner import feature
from scene import HOST


@feature("push-delivery")
def push_delivery(scene):
    endpoint = scene.endpoint()
    topic, subscription = push_pair(scene, endpoint)
    (message_id,) = scene.publish(topic, b"hi", attributes={"a": "b"})
    push = endpoint.wait(1)[0]
    body, message = push.json(), push.json()["message"]
    assert push.headers["Content-Type"].startswith("application/json"), push.headers["Content-Type"]
    assert body["subscription"] == subscription
    assert base64.b64decode(message["data"], validate=True) == b"hi"
    assert message["attributes"] == {"a": "b"}
    assert message["messageId"] == message["message_id"] == message_id
    assert message["publishTime"] == message["publish_time"] and message["publishTime"].endswith("Z")
    assert "orderingKey" not in message
    endpoint.stays(1, 1.5)


@feature("push-without-attributes")
def push_without_attributes(scene):
    endpoint = scene.endpoint()
    topic, _ = push_pair(scene, endpoint)
    scene.publish(topic, b"hi")
    message = endpoint.wait(1)[0].json()["message"]
    assert "attributes" not in message, "attributes are there, though the message has none"


@feature("push-ordering-key-in-body")
def push_ordering_key_in_body(scene):
    endpoint = scene.endpoint()
    topic, _ = push_pair(scene, endpoint, enable_message_ordering=True)
    scene.publish(topic, b"hi", ordering_key="customer-9")
    message = endpoint.wait(1)[0].json()["message"]
    assert message.get("orderingKey") == "customer-9", f"the message has {sorted(message)}"


def pushed_token(scene, **oidc):
    endpoint = scene.endpoint()
    config = {"push_endpoint": endpoint.url, "oidc_token": {"service_account_email": "push@example.com", **oidc}}
    topic, _ = scene.pair(push_config=config)
    scene.publish(topic, b"hi")
    header = endpoint.wait(1)[0].headers.get("Authorization")
    assert header and header.startswith("Bearer "), f"Authorization is {header!r}"
    return header.removeprefix("Bearer "), endpoint.url


@feature("push-token")
def push_token(scene):
    token, _ = pushed_token(scene, audience="https://audience.example.com")
    header = jwt.decode_header(token)
    assert header["alg"] == "RS256" and header["typ"] == "JWT" and header["kid"], f"{header}"
    claims = id_token.verify_token(
        token, Request(), audience="https://audience.example.com", certs_url=f"http://{HOST}/oauth2/v1/certs"
    )
    assert claims["email"] == "push@example.com" and claims["email_verified"] is True, f"{claims}"
    assert claims["azp"] == claims["sub"], f"{claims}"
    assert claims["exp"] - claims["iat"] == 3600 and abs(claims["iat"] - time.time()) < 3600, f"{claims}"


@feature("push-token-issuer")
def push_token_issuer(scene):
    token, _ = pushed_token(scene)
    issuer = jwt.decode(token, verify=False)["iss"]
    assert issuer == "https://accounts.google.com", f"issued by {issuer}"


@feature("push-token-default-audience")
def push_token_default_audience(scene):
    token, url = pushed_token(scene)
    assert jwt.decode(token, verify=False)["aud"] == url


@feature("push-unwrapped")
def push_unwrapped(scene):
    endpoint = scene.endpoint()
    topic, _ = scene.pair(push_config={"push_endpoint": endpoint.url, "no_wrapper": PushConfig.NoWrapper()})
    scene.publish(topic, b"raw", attributes={"a": "b"})
    push = endpoint.wait(1)[0]
    assert push.body == b"raw", f"the body is {push.body[:80]}"
    extra = [name for name in push.headers if name.lower().startswith("x-goog-pubsub")]
    assert not extra and "a" not in push.headers, f"metadata was not asked for: {extra}"


@feature("push-unwrapped-binary")
def push_unwrapped_binary(scene):
    endpoint = scene.endpoint()
    topic, _ = scene.pair(push_config={"push_endpoint": endpoint.url, "no_wrapper": PushConfig.NoWrapper()})
    sent = bytes(range(256))
    scene.publish(topic, sent)
    body = endpoint.wait(1)[0].body
    assert body == sent, f"256 bytes came as {len(body)} others"


@feature("push-unwrapped-metadata")
def push_unwrapped_metadata(scene):
    endpoint = scene.endpoint()
    config = {"push_endpoint": endpoint.url, "no_wrapper": {"write_metadata": True}}
    topic, subscription = scene.pair(push_config=config, enable_message_ordering=True)
    attributes = {"kind": "order", "Content-Type": "text/plain"}
    (message_id,) = scene.publish(topic, b"raw", attributes=attributes, ordering_key="k")
    headers = endpoint.wait(1)[0].headers
    expected = {
        "x-goog-pubsub-subscription-name": subscription,
        "x-goog-pubsub-message-id": message_id,
        "x-goog-pubsub-ordering-key": "k",
        "kind": "order",
        "content-type": "text/plain",
    }
    found = {name: headers.get(name) for name in expected}
    assert found == expected, f"{found}"
    assert headers.get("x-goog-pubsub-publish-time", "").endswith("Z")
