// One subscription: its settings, its condition, and actions.
import { get, post } from "./api.js";
import { copyButton } from "./copy.js";
import { deleteSubscription } from "./create.js";
import { announce, confirm, element, empty, field, figures, notice, panel } from "./dom.js";
import { faultsForm } from "./faults-form.js";
import { conditions, isPaused, statisticsPlots } from "./overview.js";
import { clock, duration, faultsInWords, nameLink, number, plural, rate } from "./words.js";

export function show(project, id) {
  const name = `projects/${project}/subscriptions/${id}`;
  const path = `subscriptions/${encodeURIComponent(project)}/${encodeURIComponent(id)}`;
  const flow = figures(["backlog", "outstanding", "waiting after a failure", "oldest unacked", "delivered", "failed", "at once, at most", "pause after failures"]);
  const state = element("p"), settings = element("dl", { class: "settings" }), notes = element("div"), actions = element("div", { class: "stack" });
  const plots = statisticsPlots();
  let shownSettings = "", shownNotes = "", shownState = "", forms = null;
  return {
    title: `Subscription ${id}`, section: "overview",
    nodes: [
      element("h1", { text: `Subscription ${id}` }),
      element("p", { class: "sub" }, element("code", { text: name }), " ", copyButton(() => name, "the name"), " ", element("a", { href: `#/messages?subscription=${encodeURIComponent(name)}`, text: "Its messages" })),
      panel("Now", state, flow.list),
      element("div", { class: "columns" }, panel("Settings", settings), panel("Actions", actions)),
      panel("What was done to it", notes),
      ...plots.nodes,
    ],
    async refresh() {
      const { subscription: found, notes: done } = await get(path);
      flow.update([
        number(found.backlog), number(found.outstanding), number(found.delayed),
        found.backlog ? duration(found.oldestUnackedMs) : "–", found.flow ? rate(found.flow.ackedPerSecond) : "–", found.flow ? rate(found.flow.failedPerSecond) : "–",
        found.endpoint ? number(found.window) : "–", found.pausedMs === null ? "none" : duration(found.pausedMs),
      ]);
      const words = conditions(found).filter((word) => word.class !== "faint");
      const explained = explain(found);
      if (shownState !== (shownState = JSON.stringify([words, explained]))) state.replaceChildren(...words.flatMap((word) => [element("span", { class: word.class, text: word.text }), " "]), explained);
      if (shownSettings !== (shownSettings = JSON.stringify([found.settings, found.topic, found.endpoint]))) settings.replaceChildren(...settingsList(found));
      if (shownNotes !== (shownNotes = JSON.stringify(done)) || !notes.firstChild) notes.replaceChildren(noteList(done));
      if (!forms) { forms = actionForms(path, name); actions.replaceChildren(...forms.nodes); }
      forms.update(found.faults || {});
      await plots.refresh(name);
    },
  };
}

function explain(found) {
  const faults = found.faults ? ` Faults: ${faultsInWords(found.faults).join(", ")}.` : "";
  return howItGoes(found) + faults;
}

function howItGoes(found) {
  if (isPaused(found)) return "Its pushes were stopped by pushgate pause: messages wait until pushgate resume.";
  if (found.settings.exportsTo) return `At Google it exports its messages to ${found.settings.exportsTo}. Here each message counts as exported when it is published, and none is delivered.`;
  if (!found.endpoint) return "It has no push endpoint, so it holds its messages until a subscriber pulls them or an endpoint is set.";
  if (found.failing) return `The last ${plural(found.failing.inARow, "delivery", "deliveries")} failed${found.pausedMs === null ? "" : `, so the whole subscription pauses between pushes, now for ${duration(Math.ceil(found.pausedMs / 1000) * 1000)}`}.`;
  return found.backlog ? "Messages are on their way." : "Every message is acknowledged.";
}

function settingsList(found) {
  const { settings } = found;
  const seconds = (value) => duration(value * 1000);
  const pairs = [
    ["Topic", found.topicDeleted ? "deleted" : nameLink(found.topic)],
    ["Pushed to", found.endpoint || "nowhere"],
    ["Exported to", settings.exportsTo && `${settings.exportsTo}, without effect here`],
    ["Body", settings.form],
    ["Signed as", settings.signedAs && (settings.audience ? `${settings.signedAs}, for ${settings.audience}` : `${settings.signedAs}, for the endpoint`)],
    ["Ack deadline", seconds(settings.ackDeadlineSeconds)],
    ["Wait after a failure", settings.retry ? `${duration(settings.retry.minimumMs)}, growing to ${duration(settings.retry.maximumMs)}` : "none of its own"],
    ["Dead letters", settings.deadLetter ? element("span", {}, `after ${plural(settings.deadLetter.attempts, "attempt")} to `, nameLink(settings.deadLetter.topic)) : "none: failed messages are delivered until they expire"],
    ["Ordered", settings.ordered ? "by ordering key" : "no"],
    ["Filter", settings.filter],
    ["Exactly once", settings.exactlyOnce && "yes"],
    ["Keeps acked messages", settings.retainsAcked && "yes"],
    ["Keeps messages for", seconds(settings.retentionSeconds)],
    ["Expires when idle for", settings.expirationSeconds === null ? "never" : seconds(settings.expirationSeconds)],
    ["Without effect here", settings.withoutEffect.join(", ")],
    ["Labels", Object.entries(settings.labels).map(([key, value]) => `${key}=${value}`).join(", ")],
  ];
  return pairs.filter(([, value]) => value).flatMap(([key, value]) => [element("dt", { text: key }), element("dd", {}, value)]);
}

function noteList(notes) {
  if (!notes.length) return empty("Nothing but deliveries yet. A seek, a purge, a changed endpoint or a fault would be listed here.");
  return element("ul", {}, notes.map((note) => element("li", {}, element("time", { datetime: note.at, text: clock(note.at) }), ` ${note.what}`)));
}

function actionForms(path, name) {
  const result = element("div", { role: "status" });
  const act = (what, call) => async (event) => {
    event.preventDefault();
    try {
      if (await call() === false) return;
      result.replaceChildren(notice("good", what));
      announce(what, true);
    } catch (error) {
      result.replaceChildren(notice("bad", error.message));
    }
  };
  const faults = faultsForm(path, act);
  const nodes = [redeliverForm(path, act), seekForm(path, name, act), purgeForm(path, name, act), faults.node, result, element("p", {}, deleteSubscription(name, path))];
  return { nodes, update: faults.update };
}

function redeliverForm(path, act) {
  const id = element("input", { required: true, autocomplete: "off", inputmode: "numeric" });
  const form = element("form", { class: "row" }, field("Message id", id, { wide: true, hint: "Delivered once more, even if it was acked" }), element("button", { text: "Deliver again" }));
  form.addEventListener("submit", act("It is delivered again.", () => post(`${path}/redeliver`, { messageId: id.value.trim() })));
  return form;
}

function seekForm(path, name, act) {
  const time = element("input", { type: "datetime-local", step: "1", required: true });
  const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60000);
  time.value = now.toISOString().slice(0, 19);
  const form = element("form", { class: "row" }, field("Seek to", time, { wide: true, hint: "Older messages count as acked, newer ones are delivered again" }), element("button", { text: "Seek" }));
  form.addEventListener("submit", act("Done.", async () => {
    const to = new Date(time.value);
    const sure = await confirm("Seek this subscription?", [
      `All messages that were published before ${clock(to)} count as acknowledged by ${name}: those that it has not delivered are lost to it.`,
      "Messages published since then are delivered again, as far as they are kept. Other subscriptions keep theirs.",
    ], "Seek", { isFinal: true });
    return sure ? post(`${path}/seek`, { time: to.toISOString() }) : false;
  }));
  return form;
}

function purgeForm(path, name, act) {
  const form = element("form", {}, element("button", { class: "danger", text: "Purge all messages" }));
  form.addEventListener("submit", act("It holds no messages now.", async () => {
    const sure = await confirm("Purge this subscription?", [`All messages that ${name} has not acknowledged are removed. Other subscriptions keep theirs.`], "Purge", { isFinal: true });
    return sure ? post(`${path}/purge`, {}) : false;
  }));
  return form;
}
