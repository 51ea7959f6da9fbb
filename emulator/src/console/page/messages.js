// The list of messages, in pages.
import { get } from "./api.js";
import { element, empty, field, select, setOptions, setText } from "./dom.js";
import { place } from "./overview.js";
import { table } from "./table.js";
import { STATE_OPTIONS, clock, duration, messageCell, messageHref, nameCell, number, plural, preview, shortName, stateCell } from "./words.js";

export function show(query = "") {
  const asked = new URLSearchParams(query);
  const topic = select([["", "any topic"]]), subscription = select([["", "any subscription"]]), state = select(STATE_OPTIONS, asked.get("state") || "");
  const id = element("input", { type: "search", autocomplete: "off", value: asked.get("id") || "" });
  const text = element("input", { type: "search", autocomplete: "off", maxlength: "256", value: asked.get("text") || "" });
  const columns = [["Message"], ["With its subscriptions", "largest", "attempts", "by the number of attempts"], ["Topic", null, "topic"], ["Published", "nowrap largest", "published"], ["Data", "clip mono largest", "size", "by size"]];
  const list = table("Messages", columns, ({ sort, reverse }) => change({ sort, reverse: reverse ? "true" : "" }));
  const order = () => ({ sort: asked.get("sort") || "published", reverse: asked.has("reverse") });
  list.showOrder(order());
  const where = element("div"), count = element("p", { class: "hint" });
  const pages = pager((page) => change({ page }));

  function change(changes) {
    const wanted = { topic: topic.value, subscription: subscription.value, state: state.value, id: id.value, text: text.value, sort: asked.get("sort"), reverse: asked.get("reverse"), page: "1", ...changes };
    const isDefault = { page: "1", sort: "published" };
    const kept = Object.entries(wanted).filter(([name, value]) => value && isDefault[name] !== String(value));
    for (const [name] of [...asked]) asked.delete(name);
    for (const [name, value] of kept) asked.set(name, value);
    // A new filter keeps the view, so that the form keeps its input.
    history.replaceState(null, "", asked.size ? `#/messages?${asked}` : "#/messages");
    return refresh();
  }
  for (const control of [topic, subscription, state]) control.addEventListener("change", () => change({}));
  let typing = null;
  for (const control of [id, text]) control.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => change({}), 200); });
  const form = element("form", { class: "row", role: "search" },
    field("Content contains", text, { wide: true, hint: "In data, ordering key or attributes, such as kind=order" }),
    field("Topic", topic), field("Subscription", subscription), field("State", state), field("Id contains", id));
  form.addEventListener("submit", (event) => { event.preventDefault(); change({}); });

  async function refresh() {
    const [found, all] = await Promise.all([get("messages", Object.fromEntries(asked)), get("overview")]);
    choices(topic, "any topic", all.topics, asked.get("topic"));
    choices(subscription, "any subscription", all.subscriptions, asked.get("subscription"));
    list.update(found.messages.map(row));
    const isFiltered = ["topic", "subscription", "state", "id", "text"].some((name) => asked.get(name));
    place(where, found.messages.length, list.node, () => nothing(isFiltered, all.topics[0]));
    setText(count, found.total ? `${plural(found.total, "message")}${isFiltered ? " like this" : ""}${order().sort === "published" ? order().reverse ? ", the earliest first" : ", the latest first" : ""}; ${number(found.published)} were published since the emulator started, and the latest are kept.` : "");
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

/** Sets the options of a filter. A chosen name stays, even if its resource is gone. */
function choices(control, none, all, chosen) {
  const names = all.map((each) => each.name);
  if (chosen && !names.includes(chosen)) names.push(chosen);
  setOptions(control, [["", none], ...names.map((name) => [name, shortName(name)])]);
  control.value = chosen || "";
}

function row(message) {
  const statuses = message.statuses.map((status) => {
    const parts = [nameCell(status.subscription), stateCell(status)];
    if (status.deadLetter) parts.push({ text: "its dead letter", href: messageHref(status.deadLetter), title: `Message ${status.deadLetter}`, class: "nowrap" });
    if (status.state === "acked" && status.latencyMs !== null) parts.push({ text: duration(status.latencyMs), class: "nowrap" });
    if (status.state === "retrying") parts.push({ text: [status.reply, status.lastOutcome].filter(Boolean).join(": "), title: status.reason });
    if (status.attemptCount > 1) parts.push({ text: `${number(status.attemptCount)} attempts`, class: "nowrap" });
    if (status.reason && !["waiting", "delivering"].includes(status.state)) parts.push({ text: status.reason, class: "faint clip", title: status.reason });
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

