// The form for the faults of a subscription.
import { get, post } from "./api.js";
import { element, field, select, setText } from "./dom.js";
import { FORGERIES, clock } from "./words.js";

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
export function faultsForm(path, act) {
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
