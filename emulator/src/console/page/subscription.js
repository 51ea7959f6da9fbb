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
  ["any", "anything, each time something else"], ["missing", "missing"], ["expired", "expired"], ["issued-in-the-future", "issued in the future"],
  ["wrong-audience", "for another audience"], ["wrong-issuer", "from another issuer"], ["foreign-key", "signed by a foreign key"],
  ["unknown-key-id", "signed by an unknown key"], ["unsigned", "unsigned"], ["public-key-as-secret", "signed with the public key"],
  ["altered", "altered after signing"], ["email-not-verified", "with an e-mail not verified"],
  ...["audience", "email", "email-verified", "expiry", "issued-at", "issuer", "subject"].map((claim) => [`missing-${claim}`, `without ${claim.replaceAll("-", " ")}`]),
];

/** Faults as the emulator writes them: what never happens is left out, and durations are seconds with an s. */
function faultsOf(form) {
  const value = (name) => form.elements[name].value;
  const share = (name) => Number(value(name));
  const seconds = (name) => `${share(name)}s`;
  const faults = {};
  for (const name of ["duplicate", "reorder", "dropAnswer"]) if (share(name)) faults[name] = share(name);
  if (share("delay")) faults.delay = { probability: share("delay"), min: seconds("delayMin"), max: seconds("delayMax") };
  if (share("token")) faults.token = { probability: share("token"), forgery: value("forgery") };
  if (share("burst")) faults.burst = { size: share("burst"), hold: seconds("burstHold") };
  if (form.elements.outage.checked) faults.outage = true;
  if (value("seed") !== "") faults.seed = share("seed");
  return faults;
}

function faultsForm(path, act, on) {
  const number = (name, value, most, step = "any") => element("input", { name, type: "number", min: "0", max: most, step, value: String(value ?? 0), required: true });
  const share = (name, value) => number(name, value, "1");
  const seconds = (name, value, other) => number(name, value === undefined ? other : Number.parseFloat(value), "600");
  const forgery = select(FORGERIES, on.token?.forgery || "any");
  forgery.name = "forgery";
  const outage = element("input", { name: "outage", type: "checkbox", id: "fault-outage", checked: Boolean(on.outage) });
  const seed = element("input", { name: "seed", type: "number", min: "0", step: "1", value: on.seed === undefined ? "" : String(on.seed) });
  const group = (title, ...fields) => element("fieldset", {}, element("legend", { text: title }), element("div", { class: "row" }, fields));
  const form = element("form", { class: "stack", id: "faults" },
    element("p", { class: "hint", text: "Shares are from 0 (never) to 1 (always)." }),
    group("Deliveries", field("Twice", share("duplicate", on.duplicate)), field("Out of order", share("reorder", on.reorder)), field("Answer lost", share("dropAnswer", on.dropAnswer))),
    group("Late deliveries", field("Share", share("delay", on.delay?.probability)), field("Least, in s", seconds("delayMin", on.delay?.min, 0)), field("Most, in s", seconds("delayMax", on.delay?.max, 5))),
    group("Bad tokens", field("Share", share("token", on.token?.probability)), field("The token is", forgery)),
    group("Bursts", field("Messages at once", number("burst", on.burst?.size, "10000", "1"), { hint: "0 for no bursts" }), field("Held for at most, in s", seconds("burstHold", on.burst?.hold, 5))),
    group("All", element("label", { class: "inline", for: outage.id }, outage, "Outage: nothing is delivered"), field("Seed", seed, { hint: "The same one, the same faults; empty for the emulator's own" })),
    element("p", {}, element("button", { text: "Apply these faults" })));
  form.addEventListener("submit", act("The faults are as set.", () => post(`${path}/faults`, faultsOf(form))));
  return element("details", {}, element("summary", { text: "Faults" }), form);
}
