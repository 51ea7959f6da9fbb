// The deliveries of one message.
import { get, post } from "./api.js";
import { copyButton } from "./copy.js";
import { announce, element, notice, setText } from "./dom.js";
import { exchange } from "./exchange.js";
import { payload } from "./payload.js";
import { bytes, causeText, chip, clock, duration, faultsOfAttempt, messageLink, nameLink, outcomeTone, plural, tone } from "./words.js";

export function show(id) {
  const content = element("div"), sections = element("div");
  const topic = element("p", { class: "sub" }), origin = element("p", { class: "notice", hidden: true });
  let shownContent = "";
  const shownSections = new Map();
  return {
    title: `Message ${id}`, section: "messages", staysWhenGone: true,
    nodes: [element("h1", { text: `Message ${id}` }), topic, origin, element("section", { class: "panel", "aria-label": "Content" }, content), sections],
    async refresh() {
      const found = await get(`messages/${encodeURIComponent(id)}`);
      if (shownContent !== (shownContent = JSON.stringify([found.content, found.topic, found.deadLetterOf, found.deadLetterCause]))) {
        topic.replaceChildren(...published(found, id));
        origin.replaceChildren(...originOf(found));
        origin.hidden = !found.isDeadLetter;
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

function published({ publishedAt, topic, replayOf }, id) {
  const replay = replayOf ? [" as a replay of ", messageLink(replayOf, `message ${replayOf}`)] : [];
  return ["Published ", element("time", { datetime: publishedAt, text: clock(publishedAt) }), topic ? " to " : "", topic ? nameLink(topic) : "", ...replay, " ", copyButton(() => id, "the id", "Copy the id")];
}

/** Describes the origin of a dead letter. */
function originOf({ isDeadLetter, deadLetterOf, deadLetterSource, deadLetterCause }) {
  if (!isDeadLetter) return [];
  const original = !deadLetterOf ? "another message" : deadLetterOf.isKnown ? messageLink(deadLetterOf.id, `message ${deadLetterOf.id}`) : `message ${deadLetterOf.id}`;
  return [
    "A dead letter of ", original, deadLetterSource ? " in " : "", deadLetterSource ? nameLink(deadLetterSource) : "",
    deadLetterCause ? `. ${causeText(deadLetterCause)}` : "", ". ", element("a", { href: "#/dead-letters", text: "All dead letters" }),
  ];
}

function contentOf(content) {
  if (!content.kept) return [element("h2", { text: "Content" }), element("p", { text: `${bytes(content.dataBytes)} of data and ${plural(content.attributeCount, "attribute")}, which the history no longer keeps.` })];
  const { data } = content;
  const kind = data.encoding === "base64" ? "bytes, shown in Base64" : "text";
  const parts = [
    element("h2", { text: "Data" }),
    payload("Data", data, `${bytes(content.dataBytes)} of ${kind}${data.isCut ? ", of which the beginning is shown" : ""}`),
  ];
  const attributes = Object.entries(content.attributes);
  if (attributes.length) parts.push(element("div", { class: "toolbar" }, element("h3", { text: "Attributes" }), copyButton(() => JSON.stringify(content.attributes, null, 2), "the attributes as JSON")), pairs("Attributes", attributes));
  if (content.orderingKey) parts.push(element("h3", { text: "Ordering key" }), element("p", {}, element("code", { text: content.orderingKey })));
  return parts;
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
        const cause = entry.deadLetterCause ? `: ${causeText(entry.deadLetterCause)}` : "";
        deadLetter.replaceChildren("Its dead letter is ", messageLink(entry.status.deadLetter, `message ${entry.status.deadLetter}`), `${cause}.`);
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
  if (entry.status.state === "removed") return "Acknowledged on this page, without a delivery.";
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
  if (attempt.reason) made.append(element("p", { class: "reason", text: attempt.reason }));
  if (attempt.way === "push") made.append(exchange(id, entry, attempt));
  return made;
}

function outcome(settlement) {
  if (settlement.kind === "acked") return element("span", { text: "acknowledged" });
  if (settlement.kind === "elsewhere") return element("span", { text: "another delivery decides" });
  if (settlement.kind === "again") return element("span", { text: settlement.afterMs ? `delivered again not before ${duration(settlement.afterMs)} later` : "delivered again at once" });
  return element("span", {}, "given up, and forwarded to ", nameLink(settlement.topic));
}
