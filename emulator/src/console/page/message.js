// The deliveries of one message.
import { get, post } from "./api.js";
import { announce, element, notice, setText } from "./dom.js";
import { bytes, chip, clock, duration, faultsOfAttempt, messageLink, nameLink, outcomeTone, plural, readable, tone, whyGivenUp } from "./words.js";

export function show(id) {
  const content = element("div"), sections = element("div");
  const topic = element("p", { class: "sub" });
  let shownContent = "";
  const shownSections = new Map();
  return {
    title: `Message ${id}`, section: "messages", staysWhenGone: true,
    nodes: [element("h1", { text: `Message ${id}` }), topic, element("section", { class: "panel", "aria-label": "Content" }, content), sections],
    async refresh() {
      const found = await get(`messages/${encodeURIComponent(id)}`);
      if (shownContent !== (shownContent = JSON.stringify([found.content, found.topic, found.deadLetterOf]))) {
        topic.replaceChildren("Published ", element("time", { datetime: found.publishedAt, text: clock(found.publishedAt) }), found.topic ? " to " : ".", found.topic ? nameLink(found.topic) : "", found.isDeadLetter ? " as a dead deadLetter. " : "");
        if (found.deadLetterOf) topic.append("It was ", found.deadLetterOf.isKnown ? messageLink(found.deadLetterOf.id, `message ${found.deadLetterOf.id}`) : `message ${found.deadLetterOf.id}`, `; ${whyGivenUp(null, found.deadLetterOf)}. `);
        if (found.isDeadLetter) topic.append(element("a", { href: "#/dead-letters", text: "All dead letters" }));
        content.replaceChildren(...contentOf(found.content));
      }
      if (!found.subscriptions.length && !sections.firstChild) sections.append(notice("warn", "No subscription received this message: its topic had none when it was published."));
      for (const entry of found.subscriptions) {
        let shown = shownSections.get(entry.subscription);
        if (!shown) {
          shown = subscriptionSection(id, entry, found);
          shownSections.set(entry.subscription, shown);
          sections.querySelector(".notice")?.remove();
          sections.append(shown.node);
        }
        shown.update(entry, Date.parse(found.now));
      }
      if (found.moreSubscriptions && !sections.querySelector(".more")) sections.append(element("p", { class: "hint more", text: `${plural(found.moreSubscriptions, "subscription")} more received it, and are not followed.` }));
    },
  };
}

function contentOf(content) {
  if (!content.kept) return [element("h2", { text: "Content" }), element("p", { text: `${bytes(content.dataBytes)} of data and ${plural(content.attributeCount, "attribute")}, which the history no longer keeps.` })];
  const { data } = content;
  const kind = data.encoding === "base64" ? "bytes, shown in Base64" : "text";
  const parts = [
    element("h2", { text: "Data" }),
    element("p", { class: "hint", text: `${bytes(content.dataBytes)} of ${kind}${data.isCut ? ", of which the beginning is shown" : ""}` }),
    content.dataBytes ? element("pre", { id: "data", tabindex: "0", "aria-label": "Data", text: readable(data) }) : null,
  ];
  const attributes = Object.entries(content.attributes);
  if (attributes.length) parts.push(element("h3", { text: "Attributes" }), pairs("Attributes", attributes));
  if (content.orderingKey) parts.push(element("h3", { text: "Ordering key" }), element("p", {}, element("code", { text: content.orderingKey })));
  return parts.filter(Boolean);
}

function pairs(caption, rows) {
  return element("div", { class: "scroll" }, element("table", { class: "pairs" }, element("caption", { class: "unseen", text: caption }),
    element("thead", { class: "unseen" }, element("tr", {}, element("th", { scope: "col", text: "Name" }), element("th", { scope: "col", text: "Value" }))),
    element("tbody", {}, rows.map(([name, value]) => element("tr", {}, element("th", { scope: "row", class: "mono", text: name }), element("td", { class: "mono", text: value }))))));
}

function subscriptionSection(id, first, found) {
  const heading = element("h2"), life = element("ol", { class: "life" }), next = element("li"), deadLetter = element("p", { hidden: true });
  const steps = new Map();
  const result = element("div", { role: "status" });
  const again = element("button", { type: "button", text: "Deliver again", onclick: async () => {
    const [, project, , name] = first.subscription.split("/");
    try {
      await post(`subscriptions/${encodeURIComponent(project)}/${encodeURIComponent(name)}/redeliver`, { messageId: id });
      announce("It is delivered again", true);
      result.replaceChildren();
    } catch (error) {
      result.replaceChildren(notice("bad", error.message));
    }
  } });
  life.append(step("", element("time", { datetime: found.publishedAt, text: clock(found.publishedAt) }), element("strong", { text: "Published" })), next);
  const node = element("section", { class: "panel", "aria-label": `With ${first.subscription}` }, heading, life, deadLetter, element("p", {}, first.exists ? again : null), result);
  let shownHeading = "";
  return {
    node,
    update(entry, now) {
      if (shownHeading !== (shownHeading = `${entry.status.state} ${entry.status.outcome} ${entry.exists}`)) heading.replaceChildren("With ", nameLink(entry.subscription), " ", chip(entry.status), entry.exists ? "" : " (this subscription was deleted)");
      if (entry.status.deadLetter && deadLetter.dataset.id !== entry.status.deadLetter) {
        deadLetter.dataset.id = entry.status.deadLetter;
        deadLetter.replaceChildren("Its dead letter is ", messageLink(entry.status.deadLetter, `message ${entry.status.deadLetter}`), ".");
        deadLetter.hidden = false;
      }
      entry.attempts.forEach((attempt, place) => {
        const key = `${attempt.startedAt} ${attempt.number} ${place === 0 ? 0 : place + entry.forgottenAttempts}`;
        const written = JSON.stringify(attempt) + (place < entry.attempts.length - 1);
        const old = steps.get(key);
        if (old?.written === written) return;
        const made = attemptStep(id, entry, attempt, place === entry.attempts.length - 1);
        if (old) { made.querySelector("details")?.toggleAttribute("open", Boolean(old.node.querySelector("details[open]"))); old.node.replaceWith(made); } else life.insertBefore(made, next);
        steps.set(key, { node: made, written });
      });
      const forgotten = entry.forgottenAttempts ? `${plural(entry.forgottenAttempts, "attempt")} after the first are no longer kept. ` : "";
      setText(next, forgotten + comingNext(entry, now));
      next.className = tone(entry.status.state);
      next.hidden = next.textContent === "";
    },
  };
}

function comingNext(entry, now) {
  if (entry.status.state === "waiting") return "Waits for its delivery.";
  if (entry.status.state === "delivering") return "A delivery is under way.";
  if (entry.status.state === "purged") return "Removed by a purge.";
  if (entry.status.state === "skipped") return "Counts as acknowledged since a seek.";
  if (entry.status.state !== "retrying") return "";
  const wait = Date.parse(entry.status.nextAt) - now;
  return wait > 0 ? `Next attempt in ${duration(Math.ceil(wait / 1000) * 1000)}, at ${clock(entry.status.nextAt)}.` : `Next attempt is due since ${clock(entry.status.nextAt)}; it waits for a place among the pushes at once, or for the end of a pause.`;
}

function step(kind, ...parts) {
  return element("li", { class: kind || null }, element("p", { class: "step" }, parts.flatMap((part) => [part, " "])));
}

function attemptStep(id, entry, attempt, isLast) {
  const { settlement } = attempt;
  const named = attempt.outcome;
  const kind = !settlement ? "busy" : settlement.kind === "acked" ? (named ? outcomeTone(named) : "good") : settlement.kind === "dead-lettered" ? "bad" : "warn";
  const parts = [element("time", { datetime: attempt.startedAt, text: clock(attempt.startedAt) }), element("strong", { text: `${attempt.way === "push" ? "Push" : "Pull"}, attempt ${attempt.number}` })];
  if (!settlement) parts.push(element("span", { text: isLast ? "under way" : "no end known: it was aborted, or goes on" }));
  else parts.push(element("span", { class: `chip ${kind}`, text: named ? `${attempt.reply}: ${named}` : attempt.reply }), element("span", { text: `after ${duration(attempt.latencyMs)}` }), outcome(settlement));
  const made = step(kind, ...parts);
  const faults = faultsOfAttempt(attempt.faults);
  if (faults.length) made.append(element("p", { class: "step" }, element("span", { class: "chip warn", text: "Fault" }), " ", faults.join(". ") + "."));
  const reason = attempt.reason || reasonIn(attempt);
  if (reason) made.append(element("p", { class: "faint", text: reason }));
  if (attempt.way === "push") made.append(exchange(id, entry, attempt));
  return made;
}

/** Returns the first line of a failed answer. */
function reasonIn({ settlement, answer }) {
  const text = settlement?.kind !== "acked" && answer?.body.encoding === "text" ? answer.body.text.trim().split("\n")[0] : "";
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function outcome(settlement) {
  if (settlement.kind === "acked") return element("span", { text: "acknowledged" });
  if (settlement.kind === "elsewhere") return element("span", { text: "another delivery decides" });
  if (settlement.kind === "again") return element("span", { text: settlement.afterMs ? `delivered again not before ${duration(settlement.afterMs)} later` : "delivered again at once" });
  return element("span", {}, "given up, and forwarded to ", nameLink(settlement.topic));
}

function exchange(id, entry, attempt) {
  const request = element("div"), body = element("div", { class: "exchange" }, request, answerOf(attempt));
  const details = element("details", {}, element("summary", { text: `Request and answer of attempt ${attempt.number}` }), body);
  let asked = false;
  details.addEventListener("toggle", async () => {
    if (!details.open || asked) return;
    asked = true;
    request.replaceChildren(element("h3", { text: "Request" }), ...await requestOf(id, entry, attempt));
  });
  return details;
}

async function requestOf(id, entry, attempt) {
  try {
    const found = await get(`messages/${encodeURIComponent(id)}/request`, { subscription: entry.subscription, attempt: attempt.number, startedAt: attempt.startedAt });
    const parts = [
      element("p", { class: "hint", text: "Made again from the message and the subscription's present settings; requests are not kept. JSON is indented here." }),
      attempt.faults?.unreachable && element("p", { text: "It was not sent: an outage was asked for. It would have been:" }),
      element("pre", { tabindex: "0", "aria-label": "Request", text: `${found.method} ${found.url}\n${headerLines(found.headers)}\n\n${readable(found.body)}${found.body.isCut ? "\n…" : ""}` }),
    ];
    if (found.token) parts.push(element("h3", { text: "Claims of its token" }), element("p", { class: "hint", text: `${attempt.faults?.token ? "A token forged in the same way" : "A token"} as it would be sent now, without its signature.` }), element("pre", { tabindex: "0", "aria-label": "Token", text: [found.token.header, found.token.claims].map((part) => part ? readable(part) : "(it cannot be read)").join("\n.\n") }));
    return parts.filter(Boolean);
  } catch (error) {
    return [element("p", { text: error.message })];
  }
}

function answerOf(attempt) {
  const { answer } = attempt;
  if (!answer) return element("div", {}, element("h3", { text: "Answer" }), element("p", { text: attempt.settlement ? attempt.reason || "Nothing came back." : "Nothing yet." }));
  const text = `${answer.status}\n${headerLines(answer.headers)}${answer.body.text ? `\n\n${readable(answer.body)}` : ""}${answer.mayBeCut ? "\n…" : ""}`;
  return element("div", {}, element("h3", { text: "Answer" }), element("pre", { tabindex: "0", "aria-label": "Answer", text }));
}

function headerLines(headers) {
  return headers.map(([name, value]) => `${name}: ${value}`).join("\n");
}
