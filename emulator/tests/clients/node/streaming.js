// Streaming pull.
'use strict';

const assert = require('node:assert');
const {feature} = require('./runner');
const {eventually, sleep} = require('./scene');

async function publish(topic, count) {
  const publisher = topic.pubsub.topic(topic.name, {batching: {maxMessages: 500}});
  await Promise.all(Array.from({length: count}, (_, number) => publisher.publishMessage({data: Buffer.from(String(number))})));
}

feature('streaming-pull-1000', async scene => {
  const {topic, subscription} = await scene.pair();
  const seen = scene.collect(subscription);
  await publish(topic, 1000);
  await eventually(() => new Set(seen).size === 1000, 20, () => `${new Set(seen).size} messages`);
  assert.ok(seen.length < 1050, `${seen.length - 1000} came twice`);
}, 30);

feature('streaming-pull-flow-control-client', async scene => {
  const {topic, subscription} = await scene.pair();
  await publish(topic, 60);
  let now = 0;
  let most = 0;
  const seen = new Set();
  scene.take(subscription, {flowControl: {maxMessages: 4, allowExcessMessages: false}}, async message => {
    now += 1;
    most = Math.max(most, now);
    await sleep(0.05);
    now -= 1;
    seen.add(message.id);
    message.ack();
  });
  await eventually(() => seen.size === 60, 15, () => `${seen.size} messages`);
  assert.ok(most <= 4, `${most} at once`);
}, 30);

feature('nack-redelivers', async scene => {
  const {topic, subscription} = await scene.pair({ackDeadlineSeconds: 600});
  const ids = [];
  scene.take(subscription, {}, message => {
    ids.push(message.id);
    if (ids.length === 1) message.nack();
    else message.ack();
  });
  const id = await topic.publishMessage({data: Buffer.from('again')});
  await eventually(() => ids.length === 2, 8, () => `${ids.length} deliveries`);
  assert.deepStrictEqual(ids, [id, id]);
});
