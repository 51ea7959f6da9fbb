// Schemas, and the messages that they let through.
'use strict';

const assert = require('node:assert');
const {SchemaTypes, Encodings} = require('@google-cloud/pubsub');
const {feature} = require('./runner');
const {eventually, rejected, INVALID_ARGUMENT} = require('./scene');

const AVRO = JSON.stringify({
  type: 'record',
  name: 'Order',
  fields: [
    {name: 'id', type: 'string'},
    {name: 'count', type: 'int'},
  ],
});
const PROTO = 'syntax = "proto3"; message Order { string id = 1; int32 count = 2; }';
const ORDER = Buffer.from('{"id": "A-1", "count": 3}');

async function topicWith(scene, type, definition, encoding) {
  const schema = await scene.client.createSchema('order', type, definition);
  const name = await schema.getName();
  return scene.pair({}, {schemaSettings: {schema: name, encoding}});
}

async function checkTopic(scene, type, definition, encoding, good, bad) {
  const {topic, subscription} = await topicWith(scene, type, definition, encoding);
  const seen = scene.collect(subscription);
  await topic.publishMessage({data: good});
  for (const data of bad) await rejected(INVALID_ARGUMENT, topic.publishMessage({data}));
  await eventually(() => seen.length === 1, 8, () => 'nothing came');
  assert.deepStrictEqual(seen, [good.toString()]);
}

feature('schema-avro-json', scene =>
  checkTopic(scene, SchemaTypes.Avro, AVRO, Encodings.Json, ORDER, [Buffer.from('no JSON'), Buffer.from('{"id": 1}')]));

feature('schema-avro-binary', scene =>
  checkTopic(scene, SchemaTypes.Avro, AVRO, Encodings.Binary, Buffer.from('\x06A-1\x06'), [Buffer.from('\x06A-1')]));

feature('schema-proto-json', scene =>
  checkTopic(scene, SchemaTypes.ProtocolBuffer, PROTO, Encodings.Json, ORDER, [Buffer.from('no JSON')]));

feature('schema-proto-binary', scene =>
  checkTopic(scene, SchemaTypes.ProtocolBuffer, PROTO, Encodings.Binary, Buffer.from('\n\x03A-1\x10\x03'), [Buffer.from('\n\x7fA')]));

feature('schema-attributes', async scene => {
  const {topic, subscription} = await topicWith(scene, SchemaTypes.Avro, AVRO, Encodings.Json);
  const came = [];
  scene.take(subscription, {}, message => {
    came.push(message);
    message.ack();
  });
  await topic.publishMessage({data: ORDER});
  await eventually(() => came.length === 1, 8, () => 'nothing came');
  const found = scene.client.schema('order').constructor.metadataFromMessage(came[0].attributes);
  assert.strictEqual(found.name, scene.path('schemas', 'order'));
  assert.strictEqual(found.encoding, Encodings.Json);
  assert.match(found.revision, /^[0-9a-f]{8}$/);
});

feature('schema-validate', async scene => {
  const schema = await scene.client.createSchema('order', SchemaTypes.Avro, AVRO);
  await scene.client.validateSchema({type: SchemaTypes.Avro, definition: AVRO});
  await rejected(INVALID_ARGUMENT, scene.client.validateSchema({type: SchemaTypes.Avro, definition: 'no schema'}));
  await schema.validateMessage(ORDER.toString('base64'), Encodings.Json);
  await rejected(INVALID_ARGUMENT, schema.validateMessage(Buffer.from('{}').toString('base64'), Encodings.Json));
});

/** A schema, and what commits another definition of it. */
async function committing(scene, type, definition) {
  const schema = await scene.client.createSchema('order', type, definition);
  const name = await schema.getName();
  const client = await scene.client.getSchemaClient();
  return changed => client.commitSchema({name, schema: {name, type, definition: changed}});
}

feature('schema-revisions-compatible', async scene => {
  const commit = await committing(scene, SchemaTypes.Avro, AVRO);
  await commit(AVRO.replace(']', ',{"name":"note","type":"string","default":""}]'));
  await rejected(INVALID_ARGUMENT, commit(AVRO.replace('"int"', '"long"')));
});

feature('schema-revisions-compatible-proto', async scene => {
  const commit = await committing(scene, SchemaTypes.ProtocolBuffer, PROTO);
  await commit(PROTO.replace('count = 2;', 'count = 2; string note = 3;'));
  await rejected(INVALID_ARGUMENT, commit(PROTO.replace('int32', 'int64')));
});
