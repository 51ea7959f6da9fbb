// The formats of names, times and numbers.
import { element, link } from "./dom.js";

const STATES = {
  waiting: ["Waiting", "", "Not delivered yet"],
  delivering: ["Delivering", "busy", "A delivery is under way"],
  retrying: ["Retrying", "warn", "The last delivery failed; another follows"],
  acked: ["✓ Acked", "good", "Delivered and acknowledged"],
  "dead-lettered": ["✗ Dead-lettered", "bad", "Given up, and forwarded to the dead-letter topic"],
  purged: ["Purged", "", "Removed by a purge"],
  skipped: ["Skipped", "", "Counts as acknowledged since a seek"],
  removed: ["Removed", "", "Acknowledged on this page, without a delivery"],
  unrouted: ["No subscription", "warn", "Not delivered: its topic had no subscription"],
};

export const STATE_OPTIONS = [["", "any state"], ...Object.entries(STATES).map(([state, [text]]) => [state, text.replace(/^[✓✗] /, "")])];

/** The tones of outcomes in replies of services. Other outcomes are unusual. */
const OUTCOMES = { handled: "good", duplicate: "", discarded: "busy", "dead-lettered": "bad" };

export function outcomeTone(outcome) {
  return OUTCOMES[outcome] ?? "warn";
}

/** Returns the state of a message, with the service's outcome if there is one. */
export function stateCell({ state, outcome }) {
  const [text, tone, title] = STATES[state] || [state, "", ""];
  if (!outcome || !["acked", "dead-lettered"].includes(state)) return { text, class: `chip ${tone}`, title };
  if (state === "dead-lettered") return { text: `${text} by the service`, class: "chip bad", title: "The service acknowledged it, and reports that it published it to the dead-letter topic itself" };
  return { text: `${text}: ${outcome}`, class: `chip ${outcomeTone(outcome)}`, title: "Delivered and acknowledged; the outcome is as the service reports it" };
}

export function chip(status) {
  const cell = stateCell(status);
  return element("span", { class: cell.class, title: cell.title, text: cell.text });
}

export function tone(state) {
  return (STATES[state] || ["", ""])[1];
}

/** Returns the address of a resource's view: `projects/shop/topics/orders` is at `#/topics/shop/orders`. */
export function hrefOf(name) {
  const [, project, kind, id] = String(name).split("/");
  return id ? `#/${kind}/${encodeURIComponent(project)}/${encodeURIComponent(id)}` : null;
}

export function shortName(name) {
  return String(name).split("/").pop();
}

export function nameCell(name) {
  return { text: shortName(name), href: hrefOf(name), title: name };
}

export function nameLink(name) {
  const href = hrefOf(name);
  return href ? element("a", { href, title: name, text: shortName(name) }) : element("span", { text: name });
}

export function messageHref(id) {
  return `#/messages/${encodeURIComponent(id)}`;
}

export function messageCell(id) {
  return { text: id, href: messageHref(id), class: "id" };
}

export function messageLink(id, text = id) {
  return link(messageHref(id), text);
}

/** Returns names as the items of a table's cell. */
export function named(names) {
  return names.map((name) => ({ key: name, parts: [nameCell(name)] }));
}

export const FORGERIES = [
  ["any", "anything, each time something else"], ["missing", "missing"], ["expired", "expired"], ["issued-in-the-future", "issued in the future"],
  ["wrong-audience", "for another audience"], ["wrong-issuer", "from another issuer"], ["foreign-key", "signed by a foreign key"],
  ["unknown-key-id", "signed by an unknown key"], ["unsigned", "unsigned"], ["public-key-as-secret", "signed with the public key"],
  ["altered", "altered after signing"], ["email-not-verified", "with an e-mail not verified"],
  ...["audience", "email", "email-verified", "expiry", "issued-at", "issuer", "subject"].map((claim) => [`missing-${claim}`, `without ${claim.replaceAll("-", " ")}`]),
];

function forgery(kind) {
  return new Map(FORGERIES).get(kind) || kind;
}

/** Describes the faults of one delivery. */
export function faultsOfAttempt(faults) {
  if (!faults) return [];
  const { token, unreachable, answerLost, repeated, lateMs, letsPass } = faults;
  return [
    unreachable && "Not sent: an outage",
    token && (token === "missing" ? "Sent without its token" : `Sent with a forged token: ${forgery(token)}`),
    lateMs && `Held back for ${duration(lateMs)}`,
    letsPass && `Let up to ${plural(letsPass, "later message")} pass`,
    answerLost && "Its answer was lost",
    repeated && "Delivered once more although it was acknowledged",
  ].filter(Boolean);
}

/** Describes the faults of a subscription. */
export function faultsInWords(faults) {
  const { duplicate, reorder, dropAnswer, delay, token, burst, outage } = faults;
  const share = (of) => (of === 1 ? "always" : `${Number((of * 100).toPrecision(3))} %`);
  return [
    outage && (outage.until ? `outage until ${clock(outage.until)}` : "outage"),
    duplicate && `twice: ${share(duplicate)}`,
    reorder && `out of order: ${share(reorder)}`,
    dropAnswer && `answer lost: ${share(dropAnswer)}`,
    delay && delay.probability && `late by up to ${delay.max.replace(/s$/, " s")}: ${share(delay.probability)}`,
    token && token.probability && `invalid token (${forgery(token.forgery)}): ${share(token.probability)}`,
    burst && `bursts of ${number(burst.size)}`,
  ].filter(Boolean);
}

/** Describes the cause of a dead letter: the reason of its service, or the last delivery, if it is known. */
export function causeText({ reason, reply, detail }, attempts = null) {
  if (reason || (!reply && detail)) return [reason, detail].filter(Boolean).join(": ");
  const counted = attempts ? plural(Number(attempts), "attempt") : "";
  if (!reply) return counted ? `${counted} failed` : "Dead-lettered without a reason";
  const last = /^\d+$/.test(reply) ? `was answered ${reply}` : reply === "nacked" ? "was nacked" : `had ${reply}`;
  return `${counted ? `${counted}; the last` : "The last attempt"} ${last}${detail ? `: ${detail}` : ""}`;
}

export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  if (milliseconds === 0) return "0 s";
  if (milliseconds < 1) return `${Math.round(milliseconds * 1000)} µs`;
  if (milliseconds < 1000) return `${Number(milliseconds.toPrecision(3))} ms`;
  if (milliseconds < 120000) return `${Number((milliseconds / 1000).toPrecision(3))} s`;
  if (milliseconds < 2 * 3600e3) return `${Math.round(milliseconds / 60000)} min`;
  if (milliseconds < 2 * 86400e3) return `${Math.round(milliseconds / 3600e3)} h`;
  return `${Math.round(milliseconds / 86400e3)} days`;
}

export function rate(perSecond) {
  return `${number(perSecond >= 10 ? Math.round(perSecond) : Math.round(perSecond * 10) / 10)}/s`;
}

export function number(value) {
  return value.toLocaleString("en-US");
}

export function bytes(count) {
  return count < 1024 ? `${count} B` : count < 1048576 ? `${(count / 1024).toFixed(1)} KiB` : `${(count / 1048576).toFixed(1)} MiB`;
}

export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** Formats the date and the time in the time zone of the browser. */
export function clock(time) {
  const at = new Date(time);
  const two = (part, width = 2) => String(part).padStart(width, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${two(at.getMilliseconds(), 3)}`;
}

/** Formats the date and the time to the second. */
export function moment(time) {
  return clock(time).slice(0, -4);
}

/** One line of a payload. */
export function preview(content) {
  if (!content.kept) return `${bytes(content.dataBytes)}, no longer kept`;
  const { text, encoding, isCut } = content.data;
  if (content.dataBytes === 0) return "(no data)";
  return `${encoding === "base64" ? `Base64: ${text}` : text.replace(/[\r\n\t]/g, " ")}${isCut ? "…" : ""}`;
}
