// The request and the answer of one push.
import { get } from "./api.js";
import { element } from "./dom.js";
import { payload } from "./payload.js";

export function exchange(id, entry, attempt) {
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
      element("p", { class: "hint", text: "Made again from the message and the subscription's present settings; requests are not kept." }),
      attempt.faults?.unreachable && element("p", { text: "It was not sent: an outage was asked for. It would have been:" }),
      head("Request", `${found.method} ${found.url}`, found.headers),
      payload("Request body", found.body),
    ];
    if (found.token) parts.push(element("h3", { text: "Claims of its token" }), element("p", { class: "hint", text: `${attempt.faults?.token ? "A token forged in the same way" : "A token"} as it would be sent now, without its signature.` }), ...claims(found.token));
    return parts.filter(Boolean);
  } catch (error) {
    return [element("p", { text: error.message })];
  }
}

function claims({ header, claims }) {
  return [["Token header", header], ["Token claims", claims]].map(([label, part]) => part ? payload(label, part) : element("p", { text: "It cannot be read." }));
}

function answerOf(attempt) {
  const { answer } = attempt;
  const heading = element("h3", { text: "Answer" });
  if (!answer) return element("div", {}, heading, element("p", { text: attempt.settlement ? attempt.reason || "Nothing came back." : "Nothing yet." }));
  const body = answer.body.text ? payload("Answer body", { ...answer.body, isCut: answer.mayBeCut }, answer.mayBeCut ? "The beginning of the body" : "") : element("p", { class: "hint", text: "No body." });
  return element("div", {}, heading, head("Answer", String(answer.status), answer.headers), body);
}

function head(label, first, headers) {
  return element("pre", { tabindex: "0", "aria-label": label, text: [first, ...headers.map(([name, value]) => `${name}: ${value}`)].join("\n") });
}
