// One subscription: its settings, how it is doing, and ways to interfere.
import { get, post } from "./api.js";
import { announce, confirm, element, empty, field, figures, notice, panel, select } from "./dom.js";
import { condition, statisticsPlots } from "./overview.js";
import { clock, duration, nameLink, number, plural, rate } from "./words.js";

export function show(project, id) {
  const name = `projects/${project}/subscriptions/${id}`;
  const path = `subscriptions/${encodeURIComponent(project)}/${encodeURIComponent(id)}`;
  const flow = figures(["backlog", "outstanding", "waiting after a failure", "oldest unacked", "delivered", "failed", "at once, at most", "paused for"]);
  const state = element("p"), settings = element("dl", { class: "settings" }), notes = element("div"), actions = element("div");
  const plots = statisticsPlots();
  let shownSettings = "", shownNotes = "", built = false;
  return {
    title: `Subscription ${id}`, section: "overview",
    nodes: [
      element("h1", { text: `Subscription ${id}` }),
      element("p", { class: "sub" }, element("code", { text: name }), " · ", element("a", { href: `#/messages?subscription=${encodeURIComponent(name)}`, text: "Its messages" })),
      panel("Now", state, flow.list),
      element("div", { class: "columns" }, panel("Settings", settings), panel("Actions", actions)),
      panel("What was done to it", notes),
      ...plots.nodes,
    ],
    async refresh() {
      const { subscription: found, notes: done, capabilities } = await get(path);
      flow.update([
        number(found.backlog), number(found.outstanding), number(found.delayed),
        found.backlog ? duration(found.oldestUnackedMs) : "–", rate(found.flow.ackedPerSecond), rate(found.flow.failedPerSecond),
        found.endpoint ? number(found.window) : "–", found.pausedMs === null ? "not paused" : duration(found.pausedMs),
      ]);
      const word = condition(found);
      state.replaceChildren(element("span", { class: word.class, text: word.text }), " ", explain(found));
      if (shownSettings !== (shownSettings = JSON.stringify([found.settings, found.topic, found.endpoint]))) settings.replaceChildren(...settingsList(found));
      if (shownNotes !== (shownNotes = JSON.stringify(done)) || !notes.firstChild) notes.replaceChildren(noteList(done));
      if (!built) { built = true; actions.replaceChildren(...actionForms(path, name, capabilities, found)); }
      await plots.refresh(name);
    },
  };
}

function explain(found) {
  if (!found.endpoint) return "It has no push endpoint, so it holds its messages until a subscriber pulls them or an endpoint is set.";
  if (found.failing) return `The last ${plural(found.failing.inARow, "delivery", "deliveries")} failed${found.pausedMs === null ? "" : ", so the whole subscription pauses between pushes"}.`;
  return found.backlog ? "Messages are on their way." : "Every message is acknowledged.";
}

function settingsList(found) {
  const { settings } = found;
  const seconds = (value) => duration(value * 1000);
  const pairs = [
    ["Topic", found.topicDeleted ? "deleted" : nameLink(found.topic)],
    ["Pushed to", found.endpoint || "nowhere"],
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
    ["Labels", Object.entries(settings.labels).map(([key, value]) => `${key}=${value}`).join(", ")],
  ];
  return pairs.filter(([, value]) => value).flatMap(([key, value]) => [element("dt", { text: key }), element("dd", {}, value)]);
}

function noteList(notes) {
  if (!notes.length) return empty("Nothing but deliveries yet. A seek, a purge, a changed endpoint or a fault would be listed here.");
  return element("ul", {}, notes.map((note) => element("li", {}, element("time", { datetime: note.at, text: clock(note.at) }), ` ${note.what}`)));
}

function actionForms(path, name, capabilities, found) {
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
  const forms = [];
  if (capabilities.redeliver) forms.push(redeliverForm(path, act));
  if (capabilities.seek) forms.push(seekForm(path, act));
  if (capabilities.purge) forms.push(purgeForm(path, name, act));
  if (capabilities.faults) forms.push(faultsForm(path, act, found.faults || {}));
  const missing = [["seek", "seek"], ["purge", "purge"], ["faults", "faults"]].filter(([key]) => !capabilities[key]).map(([, word]) => word);
  if (missing.length) forms.push(element("p", { class: "hint", text: `Not available in this emulator: ${missing.join(", ")}.` }));
  return [...forms, result];
}

function redeliverForm(path, act) {
  const id = element("input", { required: true, autocomplete: "off", inputmode: "numeric" });
  const form = element("form", { class: "row" }, field("Message id", id, { wide: true, hint: "Delivered once more, even if it was acked" }), element("button", { text: "Deliver again" }));
  form.addEventListener("submit", act("It is delivered again.", () => post(`${path}/redeliver`, { messageId: id.value.trim() })));
  return form;
}

function seekForm(path, act) {
  const time = element("input", { type: "datetime-local", step: "1", required: true });
  const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60000);
  time.value = now.toISOString().slice(0, 19);
  const form = element("form", { class: "row" }, field("Seek to", time, { wide: true, hint: "Older messages count as acked, newer ones are delivered again" }), element("button", { text: "Seek" }));
  form.addEventListener("submit", act("Done.", () => post(`${path}/seek`, { time: new Date(time.value).toISOString() })));
  return form;
}

function purgeForm(path, name, act) {
  const form = element("form", {}, element("button", { class: "danger", text: "Purge all messages" }));
  form.addEventListener("submit", act("It holds no messages now.", async () => {
    const sure = await confirm("Purge this subscription?", [`All messages that ${name} has not acknowledged are thrown away. Other subscriptions keep theirs.`], "Purge");
    return sure ? post(`${path}/purge`, {}) : false;
  }));
  return form;
}

const FORGERIES = [
  ["expired", "expired"], ["issued-in-the-future", "issued in the future"], ["wrong-audience", "for another audience"], ["wrong-issuer", "from another issuer"],
  ["foreign-key", "signed by a foreign key"], ["unknown-key-id", "signed by an unknown key"], ["unsigned", "unsigned"], ["public-key-as-secret", "signed with the public key"],
  ["altered", "altered after signing"], ["email-not-verified", "e-mail not verified"],
];

function faultsForm(path, act, on) {
  const share = (value) => element("input", { type: "number", min: "0", max: "1", step: "any", value: String(value ?? 0), required: true });
  const whole = (value, most = 600000) => element("input", { type: "number", min: "0", max: String(most), step: "1", value: String(value ?? 0), required: true });
  const duplicate = share(on.duplicate), reorder = share(on.reorder), dropAnswer = share(on.drop_answer);
  const delay = share(on.delay?.probability), least = whole(on.delay?.min_ms), most = whole(on.delay?.max_ms);
  const token = share(on.token?.probability), forgery = select(FORGERIES, on.token?.forgery || "expired");
  const size = whole(on.burst?.size, 100000), hold = whole(on.burst?.hold_ms), seed = whole(on.seed, Number.MAX_SAFE_INTEGER);
  const outage = element("input", { type: "checkbox", id: "fault-outage", checked: Boolean(on.outage) });
  const group = (title, ...fields) => element("fieldset", {}, element("legend", { text: title }), element("div", { class: "row" }, fields));
  const values = () => ({
    duplicate: Number(duplicate.value), delay: { probability: Number(delay.value), min_ms: Number(least.value), max_ms: Number(most.value) },
    reorder: Number(reorder.value), drop_answer: Number(dropAnswer.value), token: { probability: Number(token.value), forgery: forgery.value },
    burst: { size: Number(size.value), hold_ms: Number(hold.value) }, outage: outage.checked, seed: Number(seed.value),
  });
  const form = element("form", { class: "stack", id: "faults" },
    element("p", { class: "hint", text: "Shares are from 0 (never) to 1 (always). With the same seed the same faults happen again." }),
    group("Deliveries", field("Twice", duplicate), field("Out of order", reorder), field("Answer lost", dropAnswer)),
    group("Late deliveries", field("Share", delay), field("At least, ms", least), field("At most, ms", most)),
    group("Bad tokens", field("Share", token), field("The token is", forgery)),
    group("Bursts", field("Messages at once", size), field("Held for, ms", hold)),
    group("All", element("label", { class: "inline", for: outage.id }, outage, "Outage: nothing is delivered"), field("Seed", seed)),
    element("p", {}, element("button", { text: "Apply these faults" })));
  form.addEventListener("submit", act("The faults are as set.", () => post(`${path}/faults`, values())));
  return element("details", {}, element("summary", { text: "Faults" }), form);
}
