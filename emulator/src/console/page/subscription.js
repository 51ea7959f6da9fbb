// One subscription: its settings, its condition, and actions.
import { get, post } from "./api.js";
import { announce, confirm, element, empty, field, figures, notice, panel, select, setText } from "./dom.js";
import { conditions, statisticsPlots } from "./overview.js";
import { FORGERIES, clock, duration, faultsInWords, nameLink, number, plural, rate } from "./words.js";

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
        found.backlog ? duration(found.oldestUnackedMs) : "–", found.flow ? rate(found.flow.ackedPerSecond) : "–", found.flow ? rate(found.flow.failedPerSecond) : "–",
        found.endpoint ? number(found.window) : "–", found.pausedMs === null ? "none" : duration(found.pausedMs),
      ]);
      const words = conditions(found).filter((word) => word.class !== "faint");
      const explained = explain(found);
      if (shownState !== (shownState = JSON.stringify([words, explained]))) state.replaceChildren(...words.flatMap((word) => [element("span", { class: word.class, text: word.text }), " "]), explained);
      if (shownSettings !== (shownSettings = JSON.stringify([found.settings, found.topic, found.endpoint]))) settings.replaceChildren(...settingsList(found));
      if (shownNotes !== (shownNotes = JSON.stringify(done)) || !notes.firstChild) notes.replaceChildren(noteList(done));
      if (!forms) { forms = actionForms(path, name, capabilities); actions.replaceChildren(...forms.nodes); }
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

function actionForms(path, name, capabilities) {
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
  if (capabilities.seek) forms.push(seekForm(path, name, act));
  if (capabilities.purge) forms.push(purgeForm(path, name, act));
  const faults = capabilities.faults ? faultsForm(path, act) : null;
  if (faults) forms.push(faults.node);
  const missing = [["seek", "seek"], ["purge", "purge"], ["faults", "faults"]].filter(([key]) => !capabilities[key]).map(([, word]) => word);
  if (missing.length) forms.push(element("p", { class: "hint", text: `Not available in this emulator: ${missing.join(", ")}.` }));
  return { nodes: [...forms, result], update: (on) => faults?.update(on) };
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
    ], "Seek", true);
    return sure ? post(`${path}/seek`, { time: to.toISOString() }) : false;
  }));
  return form;
}

function purgeForm(path, name, act) {
  const form = element("form", {}, element("button", { class: "danger", text: "Purge all messages" }));
  form.addEventListener("submit", act("It holds no messages now.", async () => {
    const sure = await confirm("Purge this subscription?", [`All messages that ${name} has not acknowledged are removed. Other subscriptions keep theirs.`], "Purge", true);
    return sure ? post(`${path}/purge`, {}) : false;
  }));
  return form;
}

/** Returns faults in the form of the API: probabilities of 0 are left out, and durations are seconds with an s. */
function faultsOf(form, outage) {
  const value = (name) => form.elements[name].value;
  const share = (name) => Number(value(name));
  const seconds = (name) => `${share(name)}s`;
  const faults = {};
  for (const name of ["duplicate", "reorder", "dropAnswer"]) if (share(name)) faults[name] = share(name);
  if (share("delay")) faults.delay = { probability: share("delay"), min: seconds("delayMin"), max: seconds("delayMax") };
  if (share("token")) faults.token = { probability: share("token"), forgery: value("forgery") };
  if (share("burst")) faults.burst = { size: share("burst"), hold: seconds("burstHold") };
  if (outage) faults.outage = outage;
  if (value("seed") !== "") faults.seed = share("seed");
  return faults;
}

/** Returns the values of the form's fields for these faults. */
function fieldsOf(faults) {
  const { duplicate = 0, reorder = 0, dropAnswer = 0, delay, token, burst, seed = "" } = faults;
  const seconds = (written, other) => (written === undefined ? other : Number.parseFloat(written));
  return {
    duplicate, reorder, dropAnswer, seed,
    delay: delay?.probability || 0, delayMin: seconds(delay?.min, 0), delayMax: seconds(delay?.max, 5),
    token: token?.probability || 0, forgery: token?.forgery || "any",
    burst: burst?.size || 0, burstHold: seconds(burst?.hold, 5),
  };
}

/** Shows the current faults in the form, also those set elsewhere, until the user edits it. */
function faultsForm(path, act) {
  const { form, outage, end } = faultsFields();
  const changed = element("p", { class: "notice warn", hidden: true }, "These faults were changed elsewhere. ", element("button", { type: "button", class: "small", text: "Show them", onclick: () => { isTouched = false; update(latest); } }));
  let shown = null, latest = {}, isTouched = false, isOutageTouched = false;
  function update(on) {
    latest = on;
    const isNews = shown !== JSON.stringify(on);
    changed.hidden = !(isNews && isTouched);
    if (!isNews || isTouched) return;
    shown = JSON.stringify(on);
    isOutageTouched = false;
    for (const [name, value] of Object.entries(fieldsOf(on))) form.elements[name].value = String(value);
    outage.checked = Boolean(on.outage);
    setText(end, on.outage?.until ? `Until ${clock(on.outage.until)}` : "");
  }
  const touch = (event) => { isTouched = true; isOutageTouched ||= event.target === outage; };
  form.addEventListener("input", touch);
  form.addEventListener("change", touch);
  form.addEventListener("submit", act("The faults are as set.", async () => {
    // An unchanged outage keeps its end. An ended one stays ended.
    const kept = isOutageTouched ? null : (await get(path)).subscription.faults?.outage;
    await post(`${path}/faults`, faultsOf(form, isOutageTouched ? outage.checked : kept));
    isTouched = false;
    update((await get(path)).subscription.faults || {});
  }));
  form.prepend(changed);
  return { node: element("details", {}, element("summary", { text: "Faults" }), form), update };
}

function faultsFields() {
  const number = (name, most, step = "any") => element("input", { name, type: "number", min: "0", max: most, step, required: true });
  const share = (name) => number(name, "1");
  const seconds = (name) => number(name, "600");
  const forgery = select(FORGERIES);
  forgery.name = "forgery";
  const outage = element("input", { name: "outage", type: "checkbox", id: "fault-outage", "aria-describedby": "fault-outage-end" });
  const end = element("span", { class: "hint", id: "fault-outage-end" });
  const seed = element("input", { name: "seed", type: "number", min: "0", step: "1" });
  const group = (title, ...fields) => element("fieldset", {}, element("legend", { text: title }), element("div", { class: "row" }, fields));
  const form = element("form", { class: "stack", id: "faults" },
    element("p", { class: "hint", text: "Shares are from 0 (never) to 1 (always)." }),
    group("Deliveries", field("Twice", share("duplicate")), field("Out of order", share("reorder")), field("Answer lost", share("dropAnswer"))),
    group("Late deliveries", field("Share", share("delay")), field("Least, in s", seconds("delayMin")), field("Most, in s", seconds("delayMax"))),
    group("Bad tokens", field("Share", share("token")), field("The token is", forgery)),
    group("Bursts", field("Messages at once", number("burst", "10000", "1"), { hint: "0 for no bursts" }), field("Held for at most, in s", seconds("burstHold"))),
    group("All", element("div", {}, element("label", { class: "inline", for: outage.id }, outage, "Outage: nothing is delivered"), " ", end), field("Seed", seed, { hint: "The same one, the same faults; empty for the emulator's own" })),
    element("p", {}, element("button", { text: "Apply these faults" })));
  return { form, outage, end };
}
