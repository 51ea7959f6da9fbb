// Filters and dead letters.
'use strict';

const assert = require('node:assert');
const {feature} = require('./runner');
const {eventually, sleep, rejected, INVALID_ARGUMENT} = require('./scene');

const FILTERS = {
  'attributes:lang': 'british english french',
  'attributes.lang = "en"': 'english',
  'attributes:lang AND attributes.lang != "en"': 'british french',
  'hasPrefix(attributes.lang, "en")': 'british english',
  'NOT attributes:lang': 'none',
  'attributes.lang = "fr" OR attributes:other': 'french none',
};

feature('filter', async scene => {
  const topic = await scene.topic();
  const seen = {};
  for (const [number, filter] of Object.keys(FILTERS).entries()) {
    const [subscription] = await topic.createSubscription(`filter-${number}`, {filter});
    seen[filter] = scene.collect(subscription);
  }
  const publish = (text, attributes) => topic.publishMessage({data: Buffer.from(text), attributes});
  await publish('english', {lang: 'en'});
  await publish('british', {lang: 'en-GB'});
  await publish('french', {lang: 'fr'});
  await publish('none', {other: '1'});
  await sleep(2);
  const found = Object.fromEntries(Object.keys(FILTERS).map(filter => [filter, seen[filter].sort().join(' ')]));
  assert.deepStrictEqual(found, FILTERS);
});

feature('filter-invalid', async scene => {
  const topic = await scene.topic();
  await rejected(INVALID_ARGUMENT, topic.createSubscription('invalid', {filter: 'bogus(('}));
});

feature('dead-letter-pull', async scene => {
  const dead = await scene.topic('dead');
  const [letters] = await dead.createSubscription('letters');
  const {topic, subscription} = await scene.pair({deadLetterPolicy: {deadLetterTopic: dead.name, maxDeliveryAttempts: 5}});
  const attempts = [];
  scene.take(subscription, {}, message => {
    attempts.push(message.deliveryAttempt);
    message.nack();
  });
  const came = [];
  scene.take(letters, {}, message => {
    came.push(message);
    message.ack();
  });
  await topic.publishMessage({data: Buffer.from('poison'), attributes: {a: 'b'}});
  await eventually(() => came.length > 0, 25, () => `attempts ${attempts}`);
  assert.deepStrictEqual(attempts, [1, 2, 3, 4, 5]);
  const [letter] = came;
  const prefix = 'CloudPubSubDeadLetterSource';
  assert.strictEqual(letter.data.toString(), 'poison');
  assert.deepStrictEqual({...letter.attributes}, {
    a: 'b',
    [`${prefix}DeliveryCount`]: '5',
    [`${prefix}Subscription`]: 'billing',
    [`${prefix}SubscriptionProject`]: scene.projectId,
    [`${prefix}TopicPublishTime`]: letter.attributes[`${prefix}TopicPublishTime`],
  });
}, 30);

feature('delivery-attempt-only-with-policy', async scene => {
  const {topic, subscription} = await scene.pair();
  const attempts = [];
  scene.take(subscription, {}, message => {
    attempts.push(message.deliveryAttempt);
    message.ack();
  });
  await topic.publishMessage({data: Buffer.from('x')});
  await eventually(() => attempts.length > 0, 8, () => 'nothing came');
  assert.ok(!attempts[0], `delivery attempt ${attempts[0]} without a dead-letter policy`);
});
