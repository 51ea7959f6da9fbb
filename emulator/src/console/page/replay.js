// Publishing dead letters again: one, one that is edited, or all of a cause.
import { get, post } from "./api.js";
import { announce, checkbox, confirm, element, notice } from "./dom.js";
import { messageFields } from "./message-form.js";
import { messageHref, number, plural, shortName } from "./words.js";

export async function replayOne(deadLetter, result) {
  const attributes = plural(Object.keys(deadLetter.originalAttributes).length, "attribute");
  const key = deadLetter.content.orderingKey ? ` and the ordering key ${deadLetter.content.orderingKey}` : "";
  const sure = await confirm("Publish this message again?", [
    `A new message with the same data, ${attributes}${key} is published to ${deadLetter.sourceTopic}.`, receiversText(deadLetter),
  ], "Publish again", { option: acknowledgement(deadLetter) });
  if (sure) await send(deadLetter, { acknowledge: sure.isChosen }, result);
}

/** Shows the message of a dead letter in a form, and publishes it as edited. */
export async function editAndReplay(deadLetter, result) {
  const fields = messageFields("edited-data", true);
  const acknowledge = checkbox(acknowledgement(deadLetter));
  const trouble = element("div");
  const form = element("form", { class: "stack" },
    element("p", { class: "hint", text: `A new message is published to ${deadLetter.sourceTopic}. ${receiversText(deadLetter)}` }),
    element("div", { class: "row" }, fields.encoding), fields.nodes, element("div", { class: "row" }, fields.orderingKey), acknowledge.node, trouble,
    element("div", { class: "row" }, element("button", { class: "primary", text: "Publish this" }), element("button", { type: "button", text: "Cancel", onclick: () => dialog.close() })));
  const dialog = element("dialog", { class: "wide", "aria-labelledby": "edit-title" }, element("h2", { id: "edit-title", text: "Edit and publish again" }), form);
  dialog.addEventListener("close", () => dialog.remove());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const done = await post("dead-letters/replay", { subscription: deadLetter.holder, messageId: deadLetter.id, edited: fields.value(), acknowledge: acknowledge.input.checked });
      dialog.close();
      showPublished(done, result);
    } catch (error) {
      trouble.replaceChildren(notice("bad", `Not published: ${error.message}`));
    }
  });
  try {
    fields.fill(await get("dead-letters/original", { subscription: deadLetter.holder, messageId: deadLetter.id }));
  } catch (error) {
    result.replaceChildren(notice("bad", error.message));
    return;
  }
  document.body.append(dialog);
  dialog.showModal();
}

/** Replays all dead letters of a cause, or of all causes, in parts. Those that are dead-lettered in the meantime are left out. */
export async function replayAll(group, count, receivers, result) {
  const sure = await confirm(`Publish ${plural(count, "message")} again?`, [
    "New messages with the same content are published to the topics of the original ones, the earliest first.",
    `${receivers.map(shortName).join(", ") || "No subscription"}: every subscription of these topics receives them, not only the one that gave them up.`,
  ], "Publish again", { option: "Then acknowledge the dead letters, so that a second replay leaves them out" });
  if (!sure) return;
  let isStopped = false, published = 0;
  const progress = element("span"), stop = element("button", { type: "button", class: "small", text: "Stop", onclick: () => { isStopped = true; } });
  const errors = [];
  result.replaceChildren(notice("good", progress, " ", stop));
  try {
    for (let after = "", upTo = "", remaining = 1; remaining > 0 && !isStopped;) {
      const part = await post("dead-letters/replay-group", { group, after, upTo, acknowledge: sure.isChosen });
      published += part.published;
      errors.push(...part.errors);
      ({ after, upTo, remaining } = part);
      if (!after) break;
      progress.textContent = `${number(published)} published again, ${number(remaining)} to go.`;
    }
  } catch (error) {
    errors.push({ id: "", error: error.message });
  }
  const failed = errors.slice(0, 5).map(({ id, error }) => `${id ? `${id}: ` : ""}${error}`);
  result.replaceChildren(notice(failed.length ? "bad" : "good", `${plural(published, "message")} published again${isStopped ? ", then stopped" : ""}. `, failed.length ? `Not published: ${failed.join("; ")}. ` : "", element("a", { href: "#/messages", text: "See what becomes of them" })));
  announce(`${plural(published, "message")} published again`, true);
}

async function send(deadLetter, more, result) {
  try {
    showPublished(await post("dead-letters/replay", { subscription: deadLetter.holder, messageId: deadLetter.id, ...more }), result);
  } catch (error) {
    result.replaceChildren(notice("bad", error.message));
  }
}

function showPublished({ messageId }, result) {
  result.replaceChildren(notice("good", "Published again. ", element("a", { href: messageHref(messageId), text: `See what becomes of message ${messageId}` })));
  announce("Published again", true);
}

function receiversText({ receivers, source }) {
  const names = receivers.map(shortName).join(", ");
  return receivers.length > 1 ? `All ${receivers.length} subscriptions of that topic receive it, not only ${shortName(source)}: ${names}.` : `${names || "No subscription"} receives it.`;
}

function acknowledgement({ holder }) {
  return `Then acknowledge the dead letter, so that ${shortName(holder)} no longer holds it`;
}
