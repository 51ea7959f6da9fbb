// One topic: its subscriptions, and a form to publish.
import { get, post } from "./api.js";
import { announce, element, field, notice, panel, select } from "./dom.js";
import { noSubscriptionsOf, place, subscriptionTable } from "./overview.js";
import { messageHref, plural } from "./words.js";

export function show(project, id) {
  const name = `projects/${project}/topics/${id}`;
  const path = `topics/${encodeURIComponent(project)}/${encodeURIComponent(id)}`;
  const subscriptions = subscriptionTable(false);
  const where = element("div"), labels = element("p", { class: "hint" });
  return {
    title: `Topic ${id}`, section: "overview",
    nodes: [
      element("h1", { text: `Topic ${id}` }),
      element("p", { class: "sub" }, element("code", { text: name }), " · ", element("a", { href: `#/messages?topic=${encodeURIComponent(name)}`, text: "Its messages" })),
      panel("Publish", publishForm(path, name)),
      panel("Subscriptions", where, labels),
    ],
    async refresh() {
      const found = await get(path);
      subscriptions.update(found.subscriptions);
      place(where, found.subscriptions.length, subscriptions.node, () => noSubscriptionsOf(name, project));
      const pairs = Object.entries(found.topic.labels);
      labels.textContent = pairs.length ? `Labels: ${pairs.map(([key, value]) => `${key}=${value}`).join(", ")}` : "";
    },
  };
}

function publishForm(path, name) {
  const data = element("textarea", { id: "publish-data", spellcheck: "false", autocomplete: "off" });
  data.value = "{}";
  const encoding = select([["json", "JSON"], ["text", "Text"], ["base64", "Base64 of bytes"]]);
  const orderingKey = element("input", { autocomplete: "off" });
  const count = element("input", { type: "number", min: "1", max: "1000", value: "1", required: true });
  const rows = element("div");
  const result = element("div", { role: "status" });
  const add = element("button", { type: "button", text: "Add an attribute", onclick: () => attributeRow(rows).focus() });
  const form = element("form", { class: "stack" },
    element("div", { class: "row" }, field("Data is", encoding)),
    field("Data", data),
    element("fieldset", {}, element("legend", { text: "Attributes" }), rows, element("p", {}, add)),
    element("div", { class: "row" },
      field("Ordering key", orderingKey, { wide: true, hint: "Empty for none" }),
      field("How many", count, { hint: "Copies of it, 1 to 1,000" })),
    element("p", {}, element("button", { class: "primary", text: "Publish" })),
    result);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const pairs = [...rows.children].map((row) => [...row.querySelectorAll("input")].map((input) => input.value)).filter(([key, value]) => key || value);
    const twice = pairs.find(([key], place) => pairs.findIndex(([other]) => other === key) < place);
    try {
      if (twice) throw new Error(`the attribute ${JSON.stringify(twice[0])} is there twice`);
      // Own properties, whatever their names.
      const attributes = Object.fromEntries(pairs);
      const { messageIds } = await post(`${path}/publish`, { data: data.value, encoding: encoding.value, attributes, orderingKey: orderingKey.value, count: Number(count.value) });
      result.replaceChildren(published(messageIds, name));
      announce(`${plural(messageIds.length, "message")} published`, true);
    } catch (error) {
      result.replaceChildren(notice("bad", `Not published: ${error.message}`));
    }
  });
  return form;
}

function published(ids, topic) {
  if (ids.length === 1) return notice("good", "Published. ", element("a", { href: messageHref(ids[0]), text: `See what becomes of message ${ids[0]}` }));
  return notice("good", `${plural(ids.length, "message")} published. `, element("a", { href: `#/messages?topic=${encodeURIComponent(topic)}`, text: "See what becomes of them" }));
}

function attributeRow(rows) {
  const key = element("input", { autocomplete: "off", maxlength: "256" }), value = element("input", { autocomplete: "off", maxlength: "1024" });
  const row = element("div", { class: "row" }, field("Key", key, { wide: true }), field("Value", value, { wide: true }),
    element("button", { type: "button", text: "Remove", "aria-label": "Remove this attribute", onclick: () => { row.remove(); } }));
  rows.append(row);
  return key;
}
