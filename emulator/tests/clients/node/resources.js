// Metadata, lists and policies of topics and subscriptions.
'use strict';

const assert = require('node:assert');
const {feature} = require('./runner');
const {rejected, INVALID_ARGUMENT, NOT_FOUND} = require('./scene');

feature('update-subscription', async scene => {
  const {topic, subscription} = await scene.pair();
  await subscription.setMetadata({ackDeadlineSeconds: 77});
  await subscription.setMetadata({retryPolicy: {minimumBackoff: {seconds: 5}, maximumBackoff: {seconds: 50}}});
  await subscription.setMetadata({deadLetterPolicy: {deadLetterTopic: topic.name, maxDeliveryAttempts: 7}});
  await subscription.setMetadata({messageRetentionDuration: {seconds: 3600}, retainAckedMessages: true});
  const [shown] = await subscription.getMetadata();
  assert.strictEqual(shown.ackDeadlineSeconds, 77);
  assert.strictEqual(Number(shown.retryPolicy.minimumBackoff.seconds), 5);
  assert.strictEqual(shown.deadLetterPolicy.maxDeliveryAttempts, 7);
  assert.strictEqual(Number(shown.messageRetentionDuration.seconds), 3600);
  assert.strictEqual(shown.retainAckedMessages, true);
});

feature('update-subscription-labels', async scene => {
  const {subscription} = await scene.pair({labels: {team: 'a'}});
  await subscription.setMetadata({labels: {team: 'b'}});
  const [shown] = await subscription.getMetadata();
  assert.deepStrictEqual({...shown.labels}, {team: 'b'});
});

feature('update-subscription-rejections', async scene => {
  const {subscription} = await scene.pair();
  await rejected(INVALID_ARGUMENT, subscription.setMetadata({filter: 'attributes:a'}));
  await rejected(INVALID_ARGUMENT, subscription.setMetadata({enableMessageOrdering: true}));
  await rejected(INVALID_ARGUMENT, subscription.setMetadata({ackDeadlineSeconds: 601}));
});

feature('update-topic-labels', async scene => {
  const topic = await scene.topic();
  await topic.setMetadata({labels: {team: 'b'}});
  const [shown] = await topic.getMetadata();
  assert.deepStrictEqual({...shown.labels}, {team: 'b'});
});

feature('labels-limits', async scene => {
  const {topic, subscription} = await scene.pair({labels: {['a'.repeat(63)]: 'ü'}});
  await rejected(INVALID_ARGUMENT, scene.topic('other', {labels: {Team: 'a'}}));
  await rejected(INVALID_ARGUMENT, topic.setMetadata({labels: {'a b': 'a'}}));
  await rejected(INVALID_ARGUMENT, subscription.setMetadata({labels: {team: 'A'}}));
});

feature('list-topics', async scene => {
  for (let number = 0; number < 5; number += 1) await scene.topic(`topic-${number}`);
  const found = [];
  let request = {pageSize: 2, autoPaginate: false};
  let pages = 0;
  while (request && pages < 9) {
    const [topics, next] = await scene.client.getTopics(request);
    assert.ok(topics.length <= 2);
    found.push(...topics.map(topic => topic.name));
    request = next && next.pageToken ? {...next, autoPaginate: false} : null;
    pages += 1;
  }
  assert.deepStrictEqual(found.sort(), [0, 1, 2, 3, 4].map(number => scene.path('topics', `topic-${number}`)));
  assert.strictEqual(pages, 3);
});

feature('pull-push-config', async scene => {
  const {subscription} = await scene.pair();
  const [shown] = await subscription.getMetadata();
  assert.strictEqual(shown.pushConfig.pushEndpoint, '');
});

feature('delete-topic', async scene => {
  const {topic, subscription} = await scene.pair();
  await topic.delete();
  const [shown] = await subscription.getMetadata();
  assert.strictEqual(shown.topic, '_deleted-topic_');
  await rejected(NOT_FOUND, topic.delete());
});

feature('push-config-without-endpoint', async scene => {
  const {topic, subscription} = await scene.pair();
  const pushConfig = {oidcToken: {serviceAccountEmail: 'push@shop.example'}};
  await rejected(INVALID_ARGUMENT, topic.createSubscription('other', {pushConfig}));
  await rejected(INVALID_ARGUMENT, subscription.modifyPushConfig(pushConfig));
  await subscription.modifyPushConfig({});
});

feature('detach-subscription', async scene => {
  const {topic, subscription} = await scene.pair();
  await scene.client.detachSubscription(subscription.name);
  const [isDetached] = [await subscription.detached()].flat();
  assert.ok(isDetached);
  const [attached] = await topic.getSubscriptions();
  assert.strictEqual(attached.length, 0);
});

feature('iam-topic', async scene => {
  const topic = await scene.topic();
  const binding = {role: 'roles/pubsub.viewer', members: ['user:ada@example.com']};
  await topic.iam.setPolicy({bindings: [binding]});
  const [policy] = await topic.iam.getPolicy();
  assert.deepStrictEqual(policy.bindings.map(({role, members}) => ({role, members})), [binding]);
  const [allowed] = await topic.iam.testPermissions(['pubsub.topics.publish']);
  assert.deepStrictEqual(allowed, {'pubsub.topics.publish': true});
});
