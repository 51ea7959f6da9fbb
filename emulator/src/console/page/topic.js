// One topic: its subscriptions, and forms to publish, to create a subscription and to delete the topic.
import { get, post } from "./api.js";
import { copyButton } from "./copy.js";
import { createSubscription, deleteTopic } from "./create.js";
import { announce, element, field, notice, panel, select, setOptions } from "./dom.js";
import { messageFields } from "./message-form.js";
import { noSubscriptionsOf, place, subscriptionTable } from "./overview.js";
import { messageHref, plural } from "./words.js";

export function show(project, id) {
  const name = `projects/${project}/topics/${id}`;
  const path = `topics/${encodeURIComponent(project)}/${encodeURIComponent(id)}`;
  const subscriptions = subscriptionTable(false);
  const where = element("div"), labels = element("p", { class: "hint" }), withoutEffect = element("p", { class: "hint" });
  const publish = publishForm(path, name), creation = createSubscription(name);
  return {
    title: `Topic ${id}`, section: "overview",
    nodes: [
      element("h1", { text: `Topic ${id}` }),
      element("p", { class: "sub" }, element("code", { text: name }), " ", copyButton(() => name, "the name"), " ", element("a", { href: `#/messages?topic=${encodeURIComponent(name)}`, text: "Its messages" })),
      panel("Publish", publish.node),
      panel("Subscriptions", where, labels, withoutEffect, creation.node),
      element("p", {}, deleteTopic(name, path)),
    ],
    async refresh() {
      const [found, all] = await Promise.all([get(path), get("overview")]);
      publish.update(found.examples);
      subscriptions.update(found.subscriptions);
      creation.update(all.topics);
      place(where, found.subscriptions.length, subscriptions.node, () => noSubscriptionsOf(name, project));
      const pairs = Object.entries(found.topic.labels);
      labels.textContent = pairs.length ? `Labels: ${pairs.map(([key, value]) => `${key}=${value}`).join(", ")}` : "";
      const settings = found.topic.withoutEffect;
      withoutEffect.textContent = settings.length ? `Without effect here: ${settings.join(", ")}` : "";
    },
  };
}

function publishForm(path, name) {
  const message = messageFields("publish-data");
  const count = element("input", { type: "number", min: "1", max: "1000", value: "1", required: true });
  const result = element("div", { role: "status" });
  const examples = exampleChooser(message);
  const form = element("form", { class: "stack" },
    element("div", { class: "row" }, examples.node, message.encoding),
    message.nodes,
    element("div", { class: "row" }, message.orderingKey, field("How many", count, { hint: "Copies of it, 1 to 1,000" })),
    element("p", {}, element("button", { class: "primary", text: "Publish" })),
    result);
  form.addEventListener("input", () => { examples.isTouched = true; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const { messageIds } = await post(`${path}/publish`, { ...message.value(), count: Number(count.value) });
      result.replaceChildren(published(messageIds, name));
      announce(`${plural(messageIds.length, "message")} published`, true);
    } catch (error) {
      result.replaceChildren(notice("bad", `Not published: ${error.message}`));
    }
  });
  return { node: form, update: examples.update };
}

/** Offers the declared examples. The first one is in the form until the user edits it. */
function exampleChooser(message) {
  const control = select([]);
  const node = field("Example", control, { wide: true });
  node.hidden = true;
  let known = [];
  const chooser = {
    node, isTouched: false,
    update(examples) {
      if (JSON.stringify(examples) === JSON.stringify(known)) return;
      known = examples;
      setOptions(control, examples.map(({ title }, place) => [String(place), title]));
      node.hidden = !examples.length;
      if (examples.length && !chooser.isTouched) message.fill(examples[0]);
    },
  };
  control.addEventListener("change", () => message.fill(known[Number(control.value)]));
  return chooser;
}

function published(ids, topic) {
  if (ids.length === 1) return notice("good", "Published. ", element("a", { href: messageHref(ids[0]), text: `See what becomes of message ${ids[0]}` }));
  return notice("good", `${plural(ids.length, "message")} published. `, element("a", { href: `#/messages?topic=${encodeURIComponent(topic)}`, text: "See what becomes of them" }));
}
