// Snapshots and seek.
'use strict';

const assert = require('node:assert');
const {feature} = require('./runner');
const {eventually, sleep, rejected, ALREADY_EXISTS, NOT_FOUND} = require('./scene');

async function publish(topic, texts) {
  for (const text of texts) await topic.publishMessage({data: Buffer.from(text)});
}

/** Takes this many and whatever comes shortly after, with a stream that then ends. */
async function drain(scene, subscription, count) {
  const seen = [];
  const opened = scene.take(subscription, {}, message => {
    seen.push(message.data.toString());
    message.ack();
  });
  await eventually(() => seen.length >= count, 8, () => `${seen.length} of ${count} messages`);
  await sleep(0.5);
  await opened.close();
  return seen.sort().join(' ');
}

feature('snapshot-lifecycle', async scene => {
  const {topic, subscription} = await scene.pair();
  const [snapshot] = await subscription.createSnapshot('before');
  const [made] = await scene.client.getSnapshots();
  assert.deepStrictEqual(made.map(one => one.name), [snapshot.name]);
  assert.strictEqual(made[0].metadata.topic, topic.name);
  const days = (Number(made[0].metadata.expireTime.seconds) - Date.now() / 1000) / 86400;
  assert.ok(days > 6 && days < 7.01, `it lives ${days} days`);
  await rejected(ALREADY_EXISTS, subscription.createSnapshot('before'));
  await snapshot.delete();
  await rejected(NOT_FOUND, snapshot.delete());
});

feature('seek-snapshot', async scene => {
  const {topic, subscription} = await scene.pair();
  await publish(topic, ['1', '2', '3']);
  const [snapshot] = await subscription.createSnapshot('before');
  await publish(topic, ['4']);
  assert.strictEqual(await drain(scene, subscription, 4), '1 2 3 4');
  await snapshot.seek();
  assert.strictEqual(await drain(scene, subscription, 4), '1 2 3 4');
});

feature('seek-time-back', async scene => {
  const {topic, subscription} = await scene.pair({retainAckedMessages: true});
  await publish(topic, ['1', '2', '3']);
  assert.strictEqual(await drain(scene, subscription, 3), '1 2 3');
  await subscription.seek(new Date(Date.now() - 300_000));
  assert.strictEqual(await drain(scene, subscription, 3), '1 2 3');
});

feature('seek-time-forward', async scene => {
  const {topic, subscription} = await scene.pair();
  await publish(topic, ['1', '2', '3']);
  await subscription.seek(new Date(Date.now() + 1000)); // the client sends whole seconds only
  await sleep(1.1);
  await publish(topic, ['new']);
  assert.strictEqual(await drain(scene, subscription, 1), 'new');
});

/** Acks the first delivery, and goes back before the client has sent the ack. */
async function seekInHand(scene, subscription, topic, goBack) {
  let deliveries = 0;
  await publish(topic, ['1']);
  const opened = scene.take(subscription, {}, async message => {
    message.ack();
    deliveries += 1;
    if (deliveries === 1) await goBack(message);
  });
  await eventually(() => deliveries === 2, 8, () => `${deliveries} of 2 deliveries`);
  await opened.close();
}

feature('seek-snapshot-in-hand', async scene => {
  const {topic, subscription} = await scene.pair();
  const [snapshot] = await subscription.createSnapshot('before');
  await seekInHand(scene, subscription, topic, () => snapshot.seek());
});

feature('seek-time-in-hand', async scene => {
  const {topic, subscription} = await scene.pair();
  await seekInHand(scene, subscription, topic, message => subscription.seek(message.publishTime));
});
