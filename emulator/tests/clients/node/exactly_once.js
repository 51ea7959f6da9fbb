// Exactly-once delivery.
'use strict';

const assert = require('node:assert');
const {feature} = require('./runner');
const {eventually, sleep} = require('./scene');

async function publish(topic, count) {
  return Promise.all(Array.from({length: count}, (_, number) => topic.publishMessage({data: Buffer.from(String(number))})));
}

const SUCCESS = 'SUCCESS';
const INVALID = 'INVALID';

const answer = promise => promise.catch(error => error.errorCode || String(error));

feature('exactly-once-ack', async scene => {
  const {topic, subscription} = await scene.pair({enableExactlyOnceDelivery: true});
  const answers = [];
  scene.take(subscription, {}, async message => answers.push(await answer(message.ackWithResponse())));
  await publish(topic, 10);
  await eventually(() => answers.length === 10, 15, () => `${answers.length} acks`);
  assert.deepStrictEqual([...new Set(answers)], [SUCCESS]);
});

feature('exactly-once-late-ack', async scene => {
  const {topic, subscription} = await scene.pair({enableExactlyOnceDelivery: true});
  const answers = {};
  scene.take(subscription, {}, async message => {
    if ('given up' in answers) {
      answers.again = await answer(message.ackWithResponse());
      return;
    }
    answers['given up'] = await answer(message.modAckWithResponse(0));
    await sleep(0.5);
    answers.late = await answer(message.ackWithResponse());
  });
  await publish(topic, 1);
  await eventually(() => answers.late && answers.again, 12, () => JSON.stringify(answers));
  assert.deepStrictEqual(answers, {'given up': SUCCESS, again: SUCCESS, late: INVALID});
});

feature('exactly-once-no-redelivery', async scene => {
  const {topic, subscription} = await scene.pair({enableExactlyOnceDelivery: true, ackDeadlineSeconds: 10});
  const seen = [];
  const answers = [];
  const ids = await publish(topic, 20);
  scene.take(subscription, {}, async message => {
    seen.push(message.id);
    await sleep(1);
    answers.push(await answer(message.ackWithResponse()));
  });
  await eventually(() => answers.length === 20, 12, () => `${answers.length} acks`);
  await sleep(11);
  assert.deepStrictEqual(seen.sort(), ids.sort());
  assert.deepStrictEqual([...new Set(answers)], [SUCCESS]);
}, 30);
