// A project of its own, Google's client, and what checks say often.
'use strict';

const assert = require('node:assert');
const {randomBytes} = require('node:crypto');
const {PubSub} = require('@google-cloud/pubsub');

class Scene {
  constructor(feature) {
    this.projectId = `${feature.slice(0, 20).replace(/-$/, '')}-${randomBytes(4).toString('hex')}`;
    this.client = new PubSub({projectId: this.projectId});
    this.open = [];
  }

  close() {
    for (const subscription of this.open) subscription.close().catch(() => {});
  }

  path(kind, name) {
    return `projects/${this.projectId}/${kind}/${name}`;
  }

  async topic(name = 'orders', fields = {}) {
    const [topic] = await this.client.createTopic({name: this.path('topics', name), ...fields});
    return topic;
  }

  /** A topic, and a subscription of these fields. */
  async pair(fields = {}, topicFields = {}) {
    const topic = await this.topic('orders', topicFields);
    const [subscription] = await topic.createSubscription('billing', fields);
    return {topic, subscription};
  }

  /** Takes every message of this subscription from now on. */
  take(subscription, settings, take) {
    const opened = this.client.subscription(subscription.name, settings);
    opened.on('error', () => {});
    opened.on('message', take);
    this.open.push(opened);
    return opened;
  }

  /** Takes and acks; the data of what came, which grows. */
  collect(subscription, settings = {}) {
    const seen = [];
    this.take(subscription, settings, message => {
      seen.push(message.data.toString());
      message.ack();
    });
    return seen;
  }
}

const sleep = seconds => new Promise(resolve => setTimeout(resolve, seconds * 1000));

async function eventually(isTrue, seconds, what) {
  const until = Date.now() + seconds * 1000;
  while (!isTrue()) {
    if (Date.now() > until) throw new Error(`not within ${seconds} s: ${what()}`);
    await sleep(0.02);
  }
}

const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;

async function rejected(code, promise) {
  try {
    await promise;
  } catch (error) {
    assert.strictEqual(error.code, code, `expected code ${code}, found ${error.code}: ${error.message}`);
    return error.details;
  }
  throw new Error(`expected code ${code}, but it was accepted`);
}

module.exports = {Scene, sleep, eventually, rejected, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS};
