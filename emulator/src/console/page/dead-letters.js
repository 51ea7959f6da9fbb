// Dead letters, grouped by cause.
import { get } from "./api.js";
import { element, empty, notice, panel, setText } from "./dom.js";
import { pager } from "./messages.js";
import { place } from "./overview.js";
import { editAndReplay, replayAll, replayOne } from "./replay.js";
import { table } from "./table.js";
import { causeText, messageCell, messageHref, moment, named, nameCell, number, plural, preview, shortName } from "./words.js";

export function show(query = "") {
  const asked = new URLSearchParams(query);
  const group = asked.get("group") || "";
  const groups = table("Causes", [["Cause", "why", "cause"], ["Subscription", null, "source"], ["Dead letters", "number", "count"], ["First", "nowrap largest", "first"], ["Last", "nowrap largest", "last"], ["Replay"]]);
  const list = table("Dead letters", [["Dead letter", "largest", "published"], ["Why", "why"], ["Subscription"], ["Data", "clip mono"], ["Replay"]], ({ reverse }) => { isReversed = reverse; return refresh(); });
  const routes = table("Where dead letters go", [["Subscription", null, "subscription"], ["Gives up after", "largest", "attempts"], ["Dead-letter topic", null, "topic"], ["Held there by"]]);
  const groupsPlace = element("div"), where = element("div"), routesPlace = element("div"), result = element("div", { role: "status" });
  const count = element("span", { class: "hint" }), full = element("p", { class: "notice warn", hidden: true }), groupName = element("p", { class: "hint" });
  // The latest answer, which the buttons of unchanged rows use.
  let page = 1, isReversed = false, found = null;
  const pages = pager((wanted) => { page = wanted; return refresh(); });
  const all = element("button", { type: "button", class: "small", hidden: true, onclick: () => replayAll(group, found.total, receiversOf(found, group), result) });
  list.showOrder({ sort: "published", reverse: false });
  const letter = (key) => found.deadLetters.find((each) => keyOf(each) === key);

  async function refresh() {
    found = await get("dead-letters", { page, group, reverse: isReversed || null });
    groups.update(found.groups.map((each) => groupRow(each, () => replayAll(each.key, found.groups.find(({ key }) => key === each.key)?.count ?? 0, each.receivers, result))));
    list.update(found.deadLetters.map((each) => letterRow(each, () => replayOne(letter(keyOf(each)), result), () => editAndReplay(letter(keyOf(each)), result))));
    routes.update(found.routes.map(routeRow));
    const more = found.moreGroups ? element("p", { class: "hint", text: `${plural(found.moreGroups, "more cause", "more causes")}, not shown.` }) : null;
    place(groupsPlace, found.groups.length, groups.node, () => noDeadLetters(found.routes), more);
    place(where, found.deadLetters.length, list.node, () => group ? empty("None of this cause is left.") : noDeadLetters(found.routes));
    place(routesPlace, found.routes.length, routes.node, noRoutes);
    full.hidden = !found.tooFull.length;
    setText(full, `Too many messages to look through: ${found.tooFull.map(shortName).join(", ")}.`);
    setText(count, found.total ? `${plural(found.total, "dead letter")}, the ${isReversed ? "earliest" : "latest"} first` : "");
    all.hidden = !found.total || !receiversOf(found, group).length;
    setText(all, `Replay all ${number(found.total)}…`);
    const chosen = found.groups.find(({ key }) => key === group);
    if (group) groupName.replaceChildren("Only those of one cause: ", element("strong", { text: chosen ? causeText(chosen.cause) : "none is left" }), ". ", element("a", { href: "#/dead-letters", text: "Show all" }));
    pages.update(found.page, found.pages);
  }
  return {
    title: "Dead letters", section: "dead-letters",
    nodes: [
      element("h1", { text: "Dead letters" }),
      element("p", { class: "sub", text: "Messages that a subscription gave up, as far as a subscription of the dead-letter topic holds them." }),
      result,
      panel("By cause", groupsPlace),
      panel("Letters", full, groupName, element("div", { class: "toolbar" }, count, all), where, pages.node),
      panel("Where dead letters go", routesPlace),
    ],
    refresh,
  };
}

function keyOf(deadLetter) {
  return `${deadLetter.holder} ${deadLetter.id}`;
}

/** Returns the subscriptions that receive replayed messages of a group, or of all groups. */
function receiversOf(found, group) {
  return [...new Set(found.groups.filter(({ key }) => !group || key === group).flatMap(({ receivers }) => receivers))];
}

function groupRow(each, replay) {
  const text = causeText(each.cause);
  return {
    key: each.key,
    cells: [
      { text, href: `#/dead-letters?group=${each.key}`, title: "Show these dead letters" },
      each.source ? nameCell(each.source) : "unknown", number(each.count), moment(each.firstAt), moment(each.lastAt),
      each.sourceTopic ? { button: replay, text: `Replay ${number(each.count)}…`, label: `Replay the dead letters of the cause: ${text}` } : { text: "its source is gone", class: "faint" },
    ],
    values: { cause: text, source: each.source, count: each.count, first: each.firstAt, last: each.lastAt },
  };
}

function letterRow(deadLetter, replay, edit) {
  const { id, source, holder, sourceTopic, deadLetterOf } = deadLetter;
  const why = [causeText(deadLetter.cause, deadLetter.attempts)];
  if (deadLetterOf?.isKnown) why.push({ text: "Its attempts", href: messageHref(deadLetterOf.id), title: `Message ${deadLetterOf.id}` });
  const times = [["dead since", deadLetter.publishedAt, "When it was dead-lettered"], ["published", deadLetter.firstPublishedAt, "When the message was first published"]];
  return {
    key: keyOf(deadLetter),
    cells: [
      { items: [{ key: "id", parts: [messageCell(id)] }, ...times.filter(([, time]) => time).map(([word, time, title]) => ({ key: word, parts: [{ text: `${word} ${moment(time)}`, class: "faint moment", title }] }))] },
      { items: [{ key: "why", parts: why }] },
      { items: [{ key: "source", parts: ["given up by", source ? nameCell(source) : "one unknown"] }, { key: "holder", parts: ["held by", nameCell(holder)] }] },
      preview(deadLetter.content),
      sourceTopic ? { items: [{ key: "replay", parts: [{ button: replay, text: "Replay…", label: `Replay dead letter ${id}` }] }, { key: "edit", parts: [{ button: edit, text: "Edit…", label: `Edit and replay dead letter ${id}` }] }] } : { text: "its source is gone", class: "faint" },
    ],
  };
}

function routeRow(route) {
  return {
    key: route.subscription,
    cells: [nameCell(route.subscription), plural(route.attempts, "attempt"), nameCell(route.topic),
      route.holders.length ? { items: named(route.holders) } : { text: "No subscription: its dead letters are lost", class: "chip bad" }],
    values: { subscription: shortName(route.subscription), attempts: route.attempts, topic: shortName(route.topic) },
  };
}

function noDeadLetters(routes) {
  return empty(routes.length ? "There are none: every message was delivered, or is still being tried." : "There are none, and no subscription has a dead-letter policy.");
}

function noRoutes() {
  return empty("No subscription gives messages up. One that does needs a topic for its dead letters, and a subscription of that topic to hold them:",
    `curl -X PUT ${location.origin}/v1/projects/shop/topics/orders-dead
curl -X PUT ${location.origin}/v1/projects/shop/subscriptions/orders-dead -H 'Content-Type: application/json' -d '{"topic": "projects/shop/topics/orders-dead"}'
curl -X PUT ${location.origin}/v1/projects/shop/subscriptions/billing -H 'Content-Type: application/json' -d '{
  "topic": "projects/shop/topics/orders", "pushConfig": {"pushEndpoint": "http://127.0.0.1:8080/"},
  "deadLetterPolicy": {"deadLetterTopic": "projects/shop/topics/orders-dead", "maxDeliveryAttempts": 5}}'`);
}
