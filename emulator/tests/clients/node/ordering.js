// Ordered delivery.
'use strict';

const assert = require('node:assert');
const {feature} = require('./runner');
const {eventually} = require('./scene');

const of = (seen, key) => seen.filter(text => text.startsWith(key));

feature('ordering-stream', async scene => {
  const {topic, subscription} = await scene.pair({enableMessageOrdering: true});
  const publisher = scene.client.topic(topic.name, {messageOrdering: true});
  for (const text of ['a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'b2', 'b3']) {
    await publisher.publishMessage({data: Buffer.from(text), orderingKey: text[0]});
  }
  const seen = [];
  scene.take(subscription, {}, message => {
    const text = message.data.toString();
    const isFirst = !seen.includes(text);
    seen.push(text);
    if (text === 'a2' && isFirst) message.nack();
    else message.ack();
  });
  const tail = 'a2 a3 a4 a5';
  const settled = () => of(seen, 'a').slice(2).join(' ').endsWith(tail) && seen.includes('b3');
  await eventually(settled, 12, () => seen.join(' '));
  assert.strictEqual(of(seen, 'a').slice(0, 2).join(' '), 'a1 a2', seen.join(' '));
  assert.strictEqual(of(seen, 'b').join(' '), 'b1 b2 b3', seen.join(' '));
});
