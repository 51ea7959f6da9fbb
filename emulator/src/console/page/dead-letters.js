// Dead letters with their reasons, and their replay.
import { get, post } from "./api.js";
import { announce, confirm, element, empty, notice, panel, setText } from "./dom.js";
import { pager } from "./messages.js";
import { place } from "./overview.js";
import { table } from "./table.js";
import { clock, messageCell, messageHref, named, nameCell, plural, preview, shortName, whyGivenUp } from "./words.js";

export function show() {
  const list = table("Dead letters", [["Dead letter"], ["Why", "why"], ["Subscription"], ["Data", "clip mono"], ["Replay"]]);
  const routes = table("Where dead letters go", [["Subscription"], ["Gives up after"], ["Dead-letter topic"], ["Held there by"]]);
  const where = element("div"), routesPlace = element("div"), result = element("div", { role: "status" }), count = element("p", { class: "hint" }), full = element("p", { class: "notice warn", hidden: true });
  let page = 1;
  const pages = pager((wanted) => { page = wanted; return refresh(); });

  async function replay(deadLetter) {
    const attributes = plural(Object.keys(deadLetter.originalAttributes).length, "attribute");
    const key = deadLetter.content.orderingKey ? ` and the ordering key ${deadLetter.content.orderingKey}` : "";
    const isConfirmed = await confirm("Publish this message again?", [
      `A new message with the same data, ${attributes}${key} is published to ${deadLetter.sourceTopic}.`,
      deadLetter.receivers.length > 1 ? `All ${deadLetter.receivers.length} subscriptions of that topic receive it, not only ${shortName(deadLetter.source)}: ${deadLetter.receivers.map(shortName).join(", ")}.` : `${deadLetter.receivers.map(shortName).join(", ") || "No subscription"} receives it.`,
      `The dead letter stays in ${shortName(deadLetter.holder)} until it is acknowledged there.`,
    ], "Publish again");
    if (!isConfirmed) return;
    try {
      const done = await post("dead-letters/replay", { subscription: deadLetter.holder, messageId: deadLetter.id });
      result.replaceChildren(notice("good", "Published again. ", element("a", { href: messageHref(done.messageId), text: `See what becomes of message ${done.messageId}` })));
      announce("Published again", true);
    } catch (error) {
      result.replaceChildren(notice("bad", error.message));
    }
  }

  async function refresh() {
    const found = await get("dead-letters", { page });
    list.update(found.deadLetters.map((deadLetter) => ({
      key: `${deadLetter.holder} ${deadLetter.id}`,
      cells: [
        { items: [{ key: "id", parts: [messageCell(deadLetter.id)] }, ...(deadLetter.firstPublishedAt ? [{ key: "time", parts: [{ text: `of ${clock(deadLetter.firstPublishedAt)}`, class: "faint", title: "When the message was first published" }] }] : [])] },
        why(deadLetter),
        { items: [{ key: "source", parts: ["given up by", deadLetter.source ? nameCell(deadLetter.source) : "one unknown"] }, { key: "holder", parts: ["held by", nameCell(deadLetter.holder)] }] },
        preview(deadLetter.content),
        deadLetter.sourceTopic ? { button: () => replay(deadLetter), text: "Replay…", label: `Replay dead letter ${deadLetter.id}` } : { text: "its source is gone", class: "faint" },
      ],
    })));
    routes.update(found.routes.map((route) => ({
      key: route.subscription,
      cells: [nameCell(route.subscription), plural(route.attempts, "attempt"), nameCell(route.topic),
        route.holders.length ? { items: named(route.holders) } : { text: "No subscription: its dead letters are lost", class: "chip bad" }],
    })));
    place(where, found.deadLetters.length, list.node, () => noDeadLetters(found.routes));
    place(routesPlace, found.routes.length, routes.node, noRoutes);
    full.hidden = !found.tooFull.length;
    setText(full, `Too many messages to look through: ${found.tooFull.map(shortName).join(", ")}.`);
    setText(count, found.total ? `${plural(found.total, "dead letter")}, the latest first` : "");
    pages.update(found.page, found.pages);
  }
  return {
    title: "Dead letters", section: "dead-letters",
    nodes: [
      element("h1", { text: "Dead letters" }),
      element("p", { class: "sub", text: "Messages that a subscription gave up after too many failed deliveries, as far as a subscription of the dead-letter topic holds them." }),
      result,
      panel("Letters", count, full, where, pages.node),
      panel("Where dead letters go", routesPlace),
    ],
    refresh,
  };
}

/** The reason from its subscriber or its last delivery, and the original message. */
function why(deadLetter) {
  const { attempts, deadLetterOf } = deadLetter;
  const parts = [[deadLetter.reason, deadLetter.error].filter(Boolean).join(": ") || whyGivenUp(attempts, deadLetterOf)];
  if (deadLetterOf?.isKnown) parts.push({ text: "Its attempts", href: messageHref(deadLetterOf.id), title: `Message ${deadLetterOf.id}` });
  return { items: [{ key: "why", parts }] };
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
