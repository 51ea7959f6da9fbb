// Topics, subscriptions and throughput.
import { get } from "./api.js";
import { createSubscription, createTopic } from "./create.js";
import { element, empty, field, figures, notice, panel, select, setOptions } from "./dom.js";
import { everySecond, knownSeconds, plot } from "./plot.js";
import { table } from "./table.js";
import { duration, faultsInWords, named, nameCell, number, plural, rate, shortName } from "./words.js";

const NOW = ["published", "acknowledged", "failed", "median latency (p50)", "99th percentile (p99)", "published since start"];

function now(all) {
  const { publishedPerSecond, ackedPerSecond, failedPerSecond, p50Ms, p99Ms, totals } = all;
  return [rate(publishedPerSecond), rate(ackedPerSecond), rate(failedPerSecond), duration(p50Ms), duration(p99Ms), number(totals.published)];
}

export function show() {
  const flow = figures(NOW);
  const topics = table("Topics", [["Topic", null, "name"], ["Project", null, "project"], ["Subscriptions", "largest", "subscriptions", "by their number"]]);
  const topicForm = createTopic(), subscriptionForm = createSubscription();
  const subscriptions = subscriptionTable(true);
  const topicsPlace = element("div"), subscriptionsPlace = element("div");
  return {
    title: "Overview", section: "overview",
    nodes: [
      element("h1", { text: "Overview" }),
      element("p", { class: "sub", text: "What this emulator holds, and what goes through it right now." }),
      panel("Now", flow.list),
      panel("Subscriptions", subscriptionsPlace, subscriptionForm.node),
      panel("Topics", topicsPlace, topicForm.node),
    ],
    news: (all) => flow.update(now(all)),
    async refresh() {
      const found = await get("overview");
      topics.update(found.topics.map((topic) => ({ key: topic.name, cells: [nameCell(topic.name), topic.project, receivers(topic)], values: { name: topic.id, project: topic.project, subscriptions: topic.subscriptionCount } })));
      topicForm.update(found.topics);
      subscriptionForm.update(found.topics);
      subscriptions.update(found.subscriptions);
      place(topicsPlace, found.topics.length, topics.node, () => noTopics(), more(found.moreTopics, "topic"));
      place(subscriptionsPlace, found.subscriptions.length, subscriptions.node, () => noSubscriptions(found.topics[0]), more(found.moreSubscriptions, "subscription"));
    },
  };
}

function receivers(topic) {
  if (topic.subscriptionCount === 0) return { text: "None: messages are lost", class: "chip warn" };
  const shown = named(topic.subscriptions.slice(0, 5));
  if (topic.subscriptionCount > 5) shown.push({ key: "more", parts: [`and ${topic.subscriptionCount - 5} more`] });
  return { items: shown };
}

function more(count, what) {
  return count ? element("p", { class: "hint", text: `${plural(count, what)} more, not shown.` }) : null;
}

/** Shows the table, or a hint while it is empty. Existing nodes stay. */
export function place(where, count, node, whenEmpty, after = null) {
  if (count === 0) {
    if (where.dataset.shown !== "empty") where.replaceChildren(whenEmpty());
  } else if (where.firstChild !== node || after) where.replaceChildren(node, ...(after ? [after] : []));
  where.dataset.shown = count === 0 ? "empty" : "table";
}

function noTopics() {
  return empty("There is no topic yet. Create one below or from a terminal, or let your program do it:", `curl -X PUT ${location.origin}/v1/projects/shop/topics/orders`);
}

function noSubscriptions(topic) {
  if (!topic) return empty("There is no subscription yet. Create a topic first.");
  return noSubscriptionsOf(topic.name, topic.project);
}

export function noSubscriptionsOf(topic, project) {
  return empty("There is no subscription yet, so no message is received. Push a topic to your service:",
    `curl -X PUT ${location.origin}/v1/projects/${project}/subscriptions/billing -H 'Content-Type: application/json' -d '{
  "topic": "${topic}",
  "pushConfig": {"pushEndpoint": "http://127.0.0.1:8080/"}}'`);
}

/** Returns the table of subscriptions, with or without their projects and topics. The most important columns are also visible in a narrow window. */
export function subscriptionTable(withTopic) {
  const made = table("Subscriptions", [["Subscription", null, "name"], ["Condition", "condition", "condition"], ...(withTopic ? [["Project", null, "project"], ["Topic", null, "topic"]] : []), ["Delivery", null, "delivery"], ["Backlog", "number", "backlog"], ["Outstanding", "number", "outstanding"], ["Oldest unacked", "number", "oldest"], ["Delivered", "number", "delivered"], ["p99 latency", "number", "latency"]]);
  return {
    node: made.node,
    update: (all) => made.update(all.map((each) => ({
      key: each.name,
      cells: [
        nameCell(each.name), { items: [{ key: "condition", parts: conditions(each) }] }, ...(withTopic ? [each.project, topicCell(each)] : []),
        delivery(each),
        number(each.backlog), number(each.outstanding),
        each.backlog ? duration(each.oldestUnackedMs === null ? null : Math.floor(each.oldestUnackedMs / 1000) * 1000) : "–",
        each.flow ? rate(each.flow.ackedPerSecond) : "–", duration(each.flow?.p99Ms),
      ],
      values: {
        name: each.id, condition: condition(each).text, project: each.project, topic: shortName(each.topic), delivery: delivery(each).text,
        backlog: each.backlog, outstanding: each.outstanding, oldest: each.oldestUnackedMs, delivered: each.flow?.ackedPerSecond, latency: each.flow?.p99Ms,
      },
    }))),
  };
}

function delivery({ endpoint, settings }) {
  if (settings.exportsTo) return { text: "Export", title: `to ${settings.exportsTo}; here each message counts as exported at once` };
  return endpoint ? { text: "Push", title: `to ${endpoint}` } : { text: "Pull", title: "Holds its messages until a subscriber fetches them" };
}

function topicCell(each) {
  return each.topicDeleted ? { text: "deleted", class: "faint" } : nameCell(each.topic);
}

/** Returns the condition of a subscription, its pause, and a note if faults are on. */
export function conditions(each) {
  const shown = [condition(each)];
  if (each.endpoint && each.failing && each.pausedMs) shown.push({ text: `paused for ${duration(Math.ceil(each.pausedMs / 1000) * 1000)}`, class: "faint", title: "After failures, the whole subscription pauses between pushes" });
  if (each.faults) shown.push({ text: "Faults on", class: "chip warn", title: faultsInWords(each.faults).join(", ") });
  return shown;
}

/** The prefix of the labels in which `pushgate pause` keeps the push configuration. */
const PAUSED_LABEL = "pushgate-paused-";

/** Returns true if an operator stopped the pushes of a subscription. */
export function isPaused({ endpoint, settings }) {
  return !endpoint && Object.keys(settings.labels).some((label) => label.startsWith(PAUSED_LABEL));
}

function condition(each) {
  if (each.settings.detached) return { text: "Detached", class: "chip warn", title: "It receives nothing any more" };
  if (isPaused(each)) return { text: "Paused", class: "chip warn", title: "Its pushes were stopped by pushgate pause, which keeps its push configuration in labels" };
  if (each.failing && each.endpoint) {
    const { inARow, reply } = each.failing;
    return { text: `Failing: ${reply || "no ack"}`, class: "chip bad", title: `${plural(inARow, "delivery", "deliveries")} failed in a row` };
  }
  if (each.settings.exportsTo) return { text: "Exports", class: "chip", title: "Each message counts as exported, and none is delivered" };
  if (!each.endpoint) return each.backlog ? { text: "Waits for pull", class: "chip" } : { text: "Idle", class: "chip" };
  if (each.backlog) return { text: "Delivering", class: "chip busy" };
  return { text: "✓ Caught up", class: "chip good" };
}

export function throughput() {
  const flow = figures(NOW);
  const chooser = select([["", "all subscriptions"]]);
  const plots = statisticsPlots();
  chooser.addEventListener("change", () => refresh());
  async function refresh() {
    const { subscriptions } = await get("overview");
    setOptions(chooser, [["", "all subscriptions"], ...subscriptions.map(({ name }) => [name, shortName(name)])]);
    await plots.refresh(chooser.value);
  }
  return {
    title: "Throughput", section: "throughput",
    nodes: [
      element("h1", { text: "Throughput and latency" }),
      element("p", { class: "sub", text: "The last five minutes, by the second. Latency is the time from the start of a push to its answer; one without an answer has none." }),
      panel("Now", flow.list),
      element("div", { class: "row" }, field("Plot", chooser)),
      ...plots.nodes,
    ],
    news: (all) => flow.update(now(all)),
    refresh,
  };
}

/** Returns the plots of one subscription, or of all. */
export function statisticsPlots() {
  const perSecond = (value) => `${Number(value.toPrecision(3))}/s`;
  const counts = plot("Messages per second", ["published", "acknowledged", "failed"], perSecond);
  const latency = plot("Latency", ["median (p50)", "99th percentile (p99)"], duration);
  const unknown = notice("warn", "Too many subscriptions are busy for each to be counted by the second, and this one is not.");
  unknown.hidden = true;
  return {
    nodes: [unknown, panel("Messages per second", counts.node), panel("Latency", latency.node)],
    async refresh(subscription) {
      const found = await get("statistics", { subscription });
      unknown.hidden = found.isFollowed;
      const line = (name) => everySecond(found, (second) => second.counts[name]);
      counts.update({ now: found.now, seconds: found.seconds, lines: [line("published"), line("acks"), line("nacks")] });
      latency.update({ now: found.now, seconds: found.seconds, lines: [knownSeconds(found, (second) => second.p50Ms), knownSeconds(found, (second) => second.p99Ms)] });
    },
  };
}

