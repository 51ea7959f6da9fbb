// Builds elements. Text is only set as textContent, so that no payload is parsed as markup.

/** Returns an element. `properties` are attributes, except `text`, and `on…` for listeners. Null and false are left out. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Sets text only if it differs, so that unchanged text keeps its selection and is not announced again. */
export function setText(target, text) {
  if (target.textContent !== String(text)) target.textContent = text;
}

export function panel(title, ...children) {
  const id = `panel-${title.toLowerCase().replace(/\W+/g, "-")}`;
  return element("section", { class: "panel", "aria-labelledby": id }, element("h2", { id, text: title }), ...children);
}

export function link(href, text) {
  return element("a", { href, text });
}

export function notice(tone, ...children) {
  return element("p", { class: `notice ${tone}`, role: tone === "bad" ? "alert" : "status" }, ...children);
}

/** Returns the content of an empty place: the reason, and a command that changes it. */
export function empty(why, command) {
  return element("div", { class: "empty" }, element("p", { text: why }), command ? element("pre", { tabindex: "0", "aria-label": "Command", text: command }) : null);
}

/** Returns figures with their names. `update` takes the values in the same order. */
export function figures(names) {
  const values = names.map(() => element("dd", { text: "–" }));
  const list = element("dl", { class: "figures" }, names.map((name, place) => element("div", {}, element("dt", { text: name }), values[place])));
  return { list, update: (all) => all.forEach((value, place) => setText(values[place], value)) };
}

/** Returns a control with its label. */
export function field(label, control, { hint, wide } = {}) {
  control.id ||= `field-${(field.count = (field.count || 0) + 1)}`;
  const about = hint ? element("p", { class: "hint", id: `${control.id}-hint`, text: hint }) : null;
  if (about) control.setAttribute("aria-describedby", about.id);
  return element("div", { class: wide ? "field wide" : "field" }, element("label", { for: control.id, text: label }), control, about);
}

export function select(options, chosen = "") {
  return element("select", {}, options.map(([value, text]) => element("option", { value, text, selected: value === chosen })));
}

/** Returns a check box, which is checked at first, with its label. */
export function checkbox(text, isChecked = true) {
  const input = element("input", { type: "checkbox", checked: isChecked });
  return { input, node: element("label", { class: "inline" }, input, element("span", { text })) };
}

/** Sets the options of a select if they differ. The chosen one stays. */
export function setOptions(control, options) {
  const known = [...control.options].map((option) => `${option.value} ${option.text}`).join("\n");
  if (known === options.map(([value, text]) => `${value} ${text}`).join("\n")) return;
  const chosen = control.value;
  control.replaceChildren(...options.map(([value, text]) => element("option", { value, text, title: value || null, selected: value === chosen })));
}

let announced = 0;

/** Announces text to screen readers, at most every three seconds unless it follows an action of the user. */
export function announce(text, isAnswer = false) {
  const now = Date.now();
  if (!isAnswer && now - announced < 3000) return;
  announced = now;
  document.getElementById("news").textContent = text;
}

/**
 * Asks for a confirmation, and resolves to `{isChosen}` if the user agrees, or to null. If `isFinal`, the focus is on Cancel, so that a
 * hasty Enter does not confirm. `option` is the text of a check box, which is checked at first.
 */
export function confirm(title, paragraphs, action, { isFinal = false, option = null } = {}) {
  return new Promise((resolve) => {
    const box = option && checkbox(option);
    const dialog = element("dialog", { "aria-labelledby": "confirm-title" },
      element("h2", { id: "confirm-title", text: title }),
      paragraphs.map((text) => element("p", { text })),
      box && element("p", {}, box.node),
      element("form", { method: "dialog", class: "row" },
        element("button", { value: "yes", class: isFinal ? "danger" : "primary", text: action }), " ",
        element("button", { value: "no", text: "Cancel", autofocus: isFinal })));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes" ? { isChosen: Boolean(box?.input.checked) } : null); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
