// Creating and deleting topics and subscriptions.
import { get, put, remove } from "./api.js";
import { announce, checkbox, confirm, element, field, notice, select, setOptions } from "./dom.js";
import { hrefOf, nameLink, number, plural, shortName } from "./words.js";

const NAME_HINT = "3 to 255 letters, digits or any of -_.~+%, beginning with a letter";

/** Returns a form for a topic. `update` takes the known topics. */
export function createTopic() {
  const id = element("input", { required: true, autocomplete: "off", spellcheck: "false", maxlength: "255" });
  const project = projectField();
  const form = creation("topic", [element("div", { class: "row" }, field("Name", id, { wide: true, hint: NAME_HINT }), field("Project", project.input))], async () => {
    await put(`topics/${encodeURIComponent(project.input.value)}/${encodeURIComponent(id.value)}`, {});
    return `projects/${project.input.value}/topics/${id.value}`;
  });
  return { node: form, update: project.update };
}

/** Returns a form for a subscription, of a chosen topic or of `topic`. `update` takes the known topics. */
export function createSubscription(topic = null) {
  const id = element("input", { required: true, autocomplete: "off", spellcheck: "false", maxlength: "255" });
  const project = projectField(topic?.split("/")[1]);
  const topics = select([]);
  topics.required = true;
  const endpoint = element("input", { type: "url", autocomplete: "off", placeholder: "http://127.0.0.1:8080/" });
  const settings = settingsFields();
  const form = creation("subscription", [
    element("div", { class: "row" }, field("Name", id, { wide: true, hint: NAME_HINT }), field("Project", project.input), topic ? null : field("Topic", topics)),
    element("div", { class: "row" }, field("Push to", endpoint, { wide: true, hint: "The URL of the service; empty for pull" })),
    settings.node,
  ], async () => {
    await put(`subscriptions/${encodeURIComponent(project.input.value)}/${encodeURIComponent(id.value)}`, { topic: topic || topics.value, endpoint: endpoint.value, ...settings.value() });
    return `projects/${project.input.value}/subscriptions/${id.value}`;
  });
  return {
    node: form,
    update(known) {
      const options = known.map(({ name }) => [name, shortName(name)]);
      project.update(known);
      setOptions(topics, options);
      settings.update(options);
    },
  };
}

function settingsFields() {
  const text = (type = "text") => element("input", { type, autocomplete: "off", spellcheck: "false" });
  const count = (least, most, placeholder) => element("input", { type: "number", min: least, max: most, step: "any", placeholder });
  const form = select([["wrapped", "wrapped in JSON"], ["unwrapped", "unwrapped"], ["unwrapped-with-metadata", "unwrapped, with metadata headers"], ["eventarc", "an event of Eventarc"]]);
  const [serviceAccount, audience, filter] = [text("email"), text(), text()];
  const [deadline, least, most, attempts] = [count("10", "600", "10"), count("0", "600", "10"), count("0", "600", "600"), count("5", "100", "5")];
  const deadLetters = select([["", "none"]]);
  const ordered = checkbox("In the order of ordering keys", false), exactlyOnce = checkbox("Exactly once, for pull", false);
  const seconds = (input) => (input.value === "" ? null : Number(input.value));
  return {
    node: element("details", {}, element("summary", { text: "More settings" }), element("div", { class: "stack" },
      element("div", { class: "row" }, field("Body of a push", form), field("Signed as", serviceAccount, { wide: true, hint: "An e-mail; empty for no token" }), field("Audience", audience, { wide: true, hint: "Empty for the endpoint" })),
      element("div", { class: "row" }, field("Ack deadline, in s", deadline), field("Least wait after a failure, in s", least, { hint: "Empty for no wait of its own" }), field("Longest wait, in s", most)),
      element("div", { class: "row" }, field("Dead letters to", deadLetters), field("After attempts", attempts)),
      element("div", { class: "row" }, field("Filter", filter, { wide: true, hint: "Such as attributes.kind = \"order\"; empty for every message" })),
      element("div", { class: "row" }, ordered.node, exactlyOnce.node))),
    update: (topics) => setOptions(deadLetters, [["", "none"], ...topics]),
    value: () => ({
      form: form.value, serviceAccount: serviceAccount.value, audience: audience.value, filter: filter.value,
      ackDeadlineSeconds: seconds(deadline), minimumBackoffSeconds: seconds(least), maximumBackoffSeconds: seconds(most),
      deadLetterTopic: deadLetters.value, maxDeliveryAttempts: seconds(attempts), ordered: ordered.input.checked, exactlyOnce: exactlyOnce.input.checked,
    }),
  };
}

/** Returns the field of the project. It has the project of the first topic until the user edits it. */
function projectField(fixed = null) {
  const input = element("input", { required: true, autocomplete: "off", spellcheck: "false", value: fixed || "local" });
  let isTouched = Boolean(fixed);
  input.addEventListener("input", () => { isTouched = true; });
  return { input, update: (topics) => { if (!isTouched && topics.length) [isTouched, input.value] = [true, topics[0].project]; } };
}

/** Returns a folded form. `create` sends the request and returns the name of the resource. */
function creation(kind, fields, create) {
  const result = element("div", { role: "status" });
  const form = element("form", { class: "stack" }, fields, element("p", {}, element("button", { class: "primary", text: `Create this ${kind}` })), result);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const name = await create();
      result.replaceChildren(notice("good", `Created ${kind} `, nameLink(name), "."));
      announce(`Created the ${kind}`, true);
    } catch (error) {
      result.replaceChildren(notice("bad", `Not created: ${plainly(error, kind)}`));
    }
  });
  return element("details", { class: "create" }, element("summary", { text: `Create a ${kind}` }), form);
}

function plainly(error, kind) {
  const resource = /\(resource=(.*?)\)/.exec(error.message)?.[1];
  if (error.code === "ALREADY_EXISTS") return `there is a ${kind} ${resource} in this project already.`;
  if (error.code === "NOT_FOUND" && resource) return `there is no topic ${resource}.`;
  return error.message;
}

export function deleteTopic(name, path) {
  return deletion("topic", async () => {
    const all = await get("overview");
    const receiving = all.subscriptions.filter((each) => each.topic === name);
    const sending = all.subscriptions.filter((each) => each.settings.deadLetter?.topic === name);
    return [
      `${name} is deleted. Publishing to it fails from then on.`,
      receiving.length ? `Its ${plural(receiving.length, "subscription")} (${receiving.map((each) => each.id).join(", ")}) will stay with the messages they hold, and receive nothing more, even if a topic of this name is created again.` : "It has no subscription.",
      sending.length && `${sending.map((each) => each.id).join(", ")}: dead letters go to this topic, so these messages will be tried again instead until they expire.`,
    ].filter(Boolean);
  }, () => remove(path), "#/overview");
}

export function deleteSubscription(name, path) {
  let topic = "#/overview";
  return deletion("subscription", async () => {
    const { subscription } = await get(path);
    if (!subscription.topicDeleted) topic = hrefOf(subscription.topic);
    return [
      `${name} is deleted. ${subscription.backlog ? `The ${number(subscription.backlog)} messages that it has not acknowledged are lost to it.` : "It holds no unacknowledged message."}`,
      "Pushes under way are aborted. Its topic and the other subscriptions stay as they are.",
    ];
  }, () => remove(path), () => topic);
}

/** Returns a button that deletes after a confirmation, and goes to `next`. */
function deletion(kind, describe, act, next) {
  const result = element("span", { role: "status" });
  const button = element("button", { type: "button", class: "danger", text: `Delete this ${kind}…`, onclick: async () => {
    try {
      if (!await confirm(`Delete this ${kind}?`, await describe(), "Delete", { isFinal: true })) return;
      await act();
      announce(`Deleted the ${kind}`, true);
      location.hash = typeof next === "function" ? next() : next;
    } catch (error) {
      result.replaceChildren(notice("bad", `Not deleted: ${error.message}`));
    }
  } });
  return [button, " ", result];
}
