// Publishing, batched and ordered.
'use strict';

const assert = require('node:assert');
const {feature} = require('./runner');
const {eventually, rejected, INVALID_ARGUMENT, NOT_FOUND} = require('./scene');

feature('publish-batch', async scene => {
  const {topic, subscription} = await scene.pair();
  const batching = {maxMessages: 50, maxMilliseconds: 50};
  const publisher = scene.client.topic(topic.name, {batching});
  const sent = Array.from({length: 200}, (_, number) => String(number));
  const ids = await Promise.all(sent.map(text => publisher.publishMessage({data: Buffer.from(text), attributes: {text}})));
  assert.strictEqual(new Set(ids).size, 200);
  const seen = new Map();
  scene.take(subscription, {}, message => {
    seen.set(message.id, message);
    message.ack();
  });
  await eventually(() => seen.size === 200, 10, () => `${seen.size} messages`);
  for (const [number, id] of ids.entries()) {
    assert.strictEqual(seen.get(id).data.toString(), sent[number]);
    assert.strictEqual(seen.get(id).attributes.text, sent[number]);
    assert.ok(seen.get(id).publishTime.getTime() > 0);
  }
});

feature('publish-ordering', async scene => {
  const {topic, subscription} = await scene.pair({enableMessageOrdering: true});
  const publisher = scene.client.topic(topic.name, {messageOrdering: true});
  const publish = number => publisher.publishMessage({data: Buffer.from(String(number)), orderingKey: `key-${number % 2}`});
  await Promise.all(Array.from({length: 20}, (_, number) => publish(number)));
  const seen = [];
  scene.take(subscription, {}, message => {
    seen.push([message.orderingKey, Number(message.data)]);
    message.ack();
  });
  await eventually(() => seen.length >= 20, 10, () => `${seen.length} messages`);
  for (const parity of [0, 1]) {
    const found = seen.filter(([key]) => key === `key-${parity}`).map(([, number]) => number);
    assert.deepStrictEqual(found, Array.from({length: 10}, (_, index) => 2 * index + parity));
  }
});

feature('error-codes', async scene => {
  const missing = scene.client.topic('missing');
  await rejected(NOT_FOUND, missing.publishMessage({data: Buffer.from('x')}));
  await rejected(NOT_FOUND, missing.getMetadata());
  await rejected(INVALID_ARGUMENT, scene.client.createTopic('goog-orders'));
});
