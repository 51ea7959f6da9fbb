// The list of messages, in pages.
import { get } from "./api.js";
import { element, empty, field, select, setText } from "./dom.js";
import { place } from "./overview.js";
import { table } from "./table.js";
import { STATE_OPTIONS, clock, duration, messageCell, messageHref, nameCell, number, plural, preview, shortName, stateCell } from "./words.js";

export function show(query = "") {
  const asked = new URLSearchParams(query);
  const topic = select([["", "any topic"]]), subscription = select([["", "any subscription"]]), state = select(STATE_OPTIONS, asked.get("state") || "");
  const id = element("input", { type: "search", autocomplete: "off", value: asked.get("id") || "" });
  const list = table("Messages", [["Message"], ["With its subscriptions"], ["Topic"], ["Published", "nowrap"], ["Data", "clip mono"]]);
  const where = element("div"), count = element("p", { class: "hint" });
  const pages = pager((page) => change({ page }));

  function change(changes) {
    const wanted = { topic: topic.value, subscription: subscription.value, state: state.value, id: id.value, page: "1", ...changes };
    const kept = Object.entries(wanted).filter(([name, value]) => value && !(name === "page" && String(value) === "1"));
    for (const [name] of [...asked]) asked.delete(name);
    for (const [name, value] of kept) asked.set(name, value);
    // A new filter keeps the view, so that the form keeps its input.
    history.replaceState(null, "", asked.size ? `#/messages?${asked}` : "#/messages");
    return refresh();
  }
  for (const control of [topic, subscription, state]) control.addEventListener("change", () => change({}));
  let typing = null;
  id.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => change({}), 200); });
  const form = element("form", { class: "row", role: "search" }, field("Topic", topic), field("Subscription", subscription), field("State", state), field("Id contains", id));
  form.addEventListener("submit", (event) => { event.preventDefault(); change({}); });

  async function refresh() {
    const [found, all] = await Promise.all([get("messages", Object.fromEntries(asked)), get("overview")]);
    options(topic, "any topic", all.topics, asked.get("topic"));
    options(subscription, "any subscription", all.subscriptions, asked.get("subscription"));
    list.update(found.messages.map(row));
    const isFiltered = ["topic", "subscription", "state", "id"].some((name) => asked.get(name));
    place(where, found.messages.length, list.node, () => nothing(isFiltered, all.topics[0]));
    setText(count, found.total ? `${plural(found.total, "message")}${isFiltered ? " like this" : ""}, the latest first; ${number(found.published)} were published since the emulator started, and the latest are kept.` : "");
    pages.update(found.page, found.pages);
  }
  return {
    title: "Messages", section: "messages",
    nodes: [
      element("h1", { text: "Messages" }),
      element("p", { class: "sub", text: "What was published, and the state of each message in every subscription of its topic." }),
      element("section", { class: "panel", "aria-label": "Filter" }, form),
      element("section", { class: "panel", "aria-label": "Messages" }, count, where, pages.node),
    ],
    refresh,
  };
}

function options(control, none, all, chosen) {
  const names = all.map((each) => each.name);
  if (chosen && !names.includes(chosen)) names.push(chosen);
  if (names.join() === [...control.options].slice(1).map((option) => option.value).join()) return;
  control.replaceChildren(element("option", { value: "", text: none }), ...names.map((name) => element("option", { value: name, text: shortName(name), title: name, selected: name === chosen })));
}

function row(message) {
  const statuses = message.statuses.map((status) => {
    const parts = [nameCell(status.subscription), stateCell(status)];
    if (status.deadLetter) parts.push({ text: "its dead letter", href: messageHref(status.deadLetter), title: `Message ${status.deadLetter}` });
    if (status.state === "acked" && status.latencyMs !== null) parts.push(duration(status.latencyMs));
    if (status.state === "retrying") parts.push(status.reply || "");
    if (status.attemptCount > 1) parts.push(`${status.attemptCount} attempts`);
    return { key: status.subscription, parts };
  });
  if (!statuses.length) statuses.push({ key: "none", parts: [stateCell({ state: "unrouted" })] });
  if (message.moreStatuses) statuses.push({ key: "more", parts: [`and ${message.moreStatuses} more`] });
  return {
    key: message.id,
    cells: [messageCell(message.id), { items: statuses }, message.topic ? nameCell(message.topic) : "unknown", clock(message.publishedAt), preview(message.content)],
  };
}

function nothing(isFiltered, topic) {
  if (isFiltered) return empty("No message is like this. Choose less in the filter above.");
  const name = topic ? topic.name : "projects/shop/topics/orders";
  return empty("Nothing was published yet. Publish a message from a topic's page, from your program, or from a terminal:",
    `curl ${location.origin}/v1/${name}:publish -H 'Content-Type: application/json' -d '{"messages": [{"data": "aGVsbG8="}]}'`);
}

/** Returns the buttons between pages. */
export function pager(go) {
  let page = 1;
  const back = element("button", { type: "button", text: "Newer", onclick: () => go(page - 1) });
  const on = element("button", { type: "button", text: "Older", onclick: () => go(page + 1) });
  const where = element("span");
  const node = element("nav", { class: "pages", "aria-label": "Pages" }, back, where, on);
  return {
    node,
    update(current, last) {
      page = current;
      node.hidden = last === 1 && current === 1;
      back.disabled = current <= 1;
      on.disabled = current >= last;
      setText(where, `Page ${current} of ${last}`);
    },
  };
}

