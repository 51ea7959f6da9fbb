"""Schemas, their revisions, and the messages that they let through."""

import datetime
import re

from google.api_core.exceptions import AlreadyExists, InvalidArgument, NotFound

from runner import feature
from scene import PUBLISHER, SCHEMAS, all_hold, data, rejected

AVRO = """{"type": "record", "name": "Order", "fields": [
  {"name": "id", "type": "string"}, {"name": "count", "type": "int"}]}"""
AVRO_WITH_NOTE = """{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"},
  {"name": "count", "type": "int"}, {"name": "note", "type": "string", "default": ""}]}"""
PROTO = 'syntax = "proto3";\nmessage Order {\n  string id = 1;\n  int32 count = 2;\n}\n'
JSON_ORDER = b'{"id": "A-1", "count": 3}'
#: The string "A-1" and the number 3, zigzag; the fields 1 and 2.
AVRO_ORDER = b"\x06A-1\x06"
PROTO_ORDER = b"\x0a\x03A-1\x10\x03"


def make(scene, kind, definition, name="order"):
    request = {"parent": scene.project, "schema_id": name, "schema": {"type_": kind, "definition": definition}}
    return SCHEMAS.create_schema(request=request, timeout=5)


def topic_with(scene, schema, encoding):
    return scene.topic(schema_settings={"schema": schema.name, "encoding": encoding})


def check_topic(scene, kind, definition, encoding, good, bad):
    topic = topic_with(scene, make(scene, kind, definition), encoding)
    subscription = scene.subscription(topic)
    scene.publish(topic, good)
    all_hold({repr(one): lambda one=one: rejected(InvalidArgument, scene.publish, topic, one) for one in bad})
    rejected(InvalidArgument, scene.publish, topic, good, bad[0])
    assert data(scene.pull_all(subscription, 1)) == [good]
    scene.quiet(subscription, 0.5)


@feature("schema-avro-json")
def schema_avro_json(scene):
    bad = [b"no JSON", b'{"id": "A-1"}', b'{"id": 1, "count": 3}']
    check_topic(scene, "AVRO", AVRO, "JSON", JSON_ORDER, bad)


@feature("schema-avro-binary")
def schema_avro_binary(scene):
    check_topic(scene, "AVRO", AVRO, "BINARY", AVRO_ORDER, [b"\x7f", b"\x06A-1"])


@feature("schema-proto-json")
def schema_proto_json(scene):
    bad = [b"no JSON", b'{"id": 1, "count": 3}', b'{"id": "A-1", "count": "many"}']
    check_topic(scene, "PROTOCOL_BUFFER", PROTO, "JSON", JSON_ORDER, bad)


@feature("schema-proto-binary")
def schema_proto_binary(scene):
    check_topic(scene, "PROTOCOL_BUFFER", PROTO, "BINARY", PROTO_ORDER, [b"\x0a\x7fA", b"\xff\xff"])


@feature("schema-revisions")
def schema_revisions(scene):
    first = make(scene, "AVRO", AVRO)
    assert re.fullmatch("[0-9a-f]{8}", first.revision_id), first.revision_id
    changed = {"name": first.name, "type_": "AVRO", "definition": AVRO_WITH_NOTE}
    second = SCHEMAS.commit_schema(request={"name": first.name, "schema": changed}, timeout=5)
    assert second.revision_id != first.revision_id
    assert revisions(first.name) == {first.revision_id, second.revision_id}
    assert SCHEMAS.get_schema(name=first.name, timeout=5).definition == AVRO_WITH_NOTE
    old = SCHEMAS.get_schema(name=f"{first.name}@{first.revision_id}", timeout=5)
    assert old.definition == AVRO
    request = {"name": first.name, "revision_id": first.revision_id}
    third = SCHEMAS.rollback_schema(request=request, timeout=5)
    assert third.definition == AVRO and third.revision_id not in (first.revision_id, second.revision_id)
    SCHEMAS.delete_schema_revision(request={"name": f"{first.name}@{second.revision_id}"}, timeout=5)
    assert revisions(first.name) == {first.revision_id, third.revision_id}


@feature("schema-revisions-compatible")
def schema_revisions_compatible(scene):
    made = make(scene, "AVRO", AVRO)
    commit = committing(made, "AVRO")
    commit(AVRO_WITH_NOTE)
    commit(AVRO)
    text = rejected(InvalidArgument, commit, AVRO.replace('"int"', '"long"'))
    assert "Compatibility checking failed" in text and made.revision_id not in text, text
    rejected(InvalidArgument, commit, AVRO_WITH_NOTE.replace(', "default": ""', ""))
    assert len(revisions(made.name)) == 3


@feature("schema-revisions-compatible-proto")
def schema_revisions_compatible_proto(scene):
    commit = committing(make(scene, "PROTOCOL_BUFFER", PROTO), "PROTOCOL_BUFFER")
    noted = PROTO.replace("}", "  string note = 3;\n}")
    commit(noted)
    commit(PROTO)
    rejected(InvalidArgument, commit, PROTO.replace("int32", "int64"))
    rejected(InvalidArgument, commit, PROTO.replace("string id", "string key"))
    rejected(InvalidArgument, commit, PROTO.replace("}", "  repeated string note = 4;\n}"))
    rejected(InvalidArgument, commit, noted.replace("string note", "bool note"))


def committing(made, kind):
    def commit(definition):
        changed = {"name": made.name, "type_": kind, "definition": definition}
        SCHEMAS.commit_schema(request={"name": made.name, "schema": changed}, timeout=5)

    return commit


def revisions(name):
    return {schema.revision_id for schema in SCHEMAS.list_schema_revisions(name=name, timeout=5)}


@feature("schema-revision-times")
def schema_revision_times(scene):
    made = make(scene, "AVRO", AVRO).revision_create_time
    age = datetime.datetime.now(datetime.timezone.utc) - made
    assert abs(age) < datetime.timedelta(minutes=1), f"created {made}"


@feature("schema-lifecycle")
def schema_lifecycle(scene):
    made = make(scene, "AVRO", AVRO)
    rejected(AlreadyExists, make, scene, "AVRO", AVRO)
    rejected(InvalidArgument, make, scene, "AVRO", '{"type": "record"}', "invalid")
    missing = {"schema": scene.path("schemas", "missing"), "encoding": "JSON"}
    rejected(NotFound, scene.topic, "other", schema_settings=missing)
    SCHEMAS.delete_schema(name=made.name, timeout=5)
    rejected(NotFound, SCHEMAS.get_schema, name=made.name, timeout=5)


@feature("schema-deleted")
def schema_deleted(scene):
    made = make(scene, "AVRO", AVRO)
    topic = topic_with(scene, made, "JSON")
    SCHEMAS.delete_schema(name=made.name, timeout=5)
    shown = PUBLISHER.get_topic(topic=topic, timeout=5).schema_settings.schema
    assert shown == "_deleted-schema_", f"the topic shows {shown}"


@feature("schema-validate")
def schema_validate(scene):
    made = make(scene, "AVRO", AVRO)

    def schema(kind, definition):
        request = {"parent": scene.project, "schema": {"type_": kind, "definition": definition}}
        SCHEMAS.validate_schema(request=request, timeout=5)

    def message(content, encoding="JSON", **which):
        request = {"parent": scene.project, "message": content, "encoding": encoding, **which}
        SCHEMAS.validate_message(request=request, timeout=5)

    schema("AVRO", AVRO)
    rejected(InvalidArgument, schema, "AVRO", "no schema")
    message(JSON_ORDER, name=made.name)
    message(AVRO_ORDER, "BINARY", schema={"type_": "AVRO", "definition": AVRO})
    rejected(InvalidArgument, message, b"{}", name=made.name)


@feature("schema-validate-proto")
def schema_validate_proto(scene):
    request = {"parent": scene.project, "schema": {"type_": "PROTOCOL_BUFFER", "definition": PROTO}}
    SCHEMAS.validate_schema(request=request, timeout=5)
    request["schema"]["definition"] = 'import "google/protobuf/any.proto";' + PROTO
    rejected(InvalidArgument, SCHEMAS.validate_schema, request=request, timeout=5)


@feature("schema-attributes")
def schema_attributes(scene):
    made = make(scene, "AVRO", AVRO)
    topic = topic_with(scene, made, "JSON")
    subscription = scene.subscription(topic)
    scene.publish(topic, JSON_ORDER, attributes={"a": "b"})
    attributes = dict(scene.pull_all(subscription, 1)[0].message.attributes)
    assert attributes == {
        "a": "b",
        "googclient_schemaname": made.name,
        "googclient_schemaencoding": "JSON",
        "googclient_schemarevisionid": made.revision_id,
    }, f"{attributes}"
