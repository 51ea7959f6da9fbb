// Builds elements. Text goes in by textContent only, so that no payload is ever read as markup.

/** An element. `properties` are attributes, but `text`, and `on…` for listeners; what is null or false is left out. */
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

/** Sets text only if it differs, so that nothing is announced or selected anew for nothing. */
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

/** What stands where there is nothing yet: why, and the command that changes it. */
export function empty(why, command) {
  return element("div", { class: "empty" }, element("p", { text: why }), command ? element("pre", { tabindex: "0", "aria-label": "Command", text: command }) : null);
}

/** Figures with their names; `update` takes the values in the same order. */
export function figures(names) {
  const values = names.map(() => element("dd", { text: "–" }));
  const list = element("dl", { class: "figures" }, names.map((name, place) => element("div", {}, element("dt", { text: name }), values[place])));
  return { list, update: (all) => all.forEach((value, place) => setText(values[place], value)) };
}

/** A pair of a label and a control. */
export function field(label, control, { hint, wide } = {}) {
  control.id ||= `field-${(field.count = (field.count || 0) + 1)}`;
  const about = hint ? element("p", { class: "hint", id: `${control.id}-hint`, text: hint }) : null;
  if (about) control.setAttribute("aria-describedby", about.id);
  return element("div", { class: wide ? "field wide" : "field" }, element("label", { for: control.id, text: label }), control, about);
}

export function select(options, chosen = "") {
  return element("select", {}, options.map(([value, text]) => element("option", { value, text, selected: value === chosen })));
}

let announced = 0;

/** Tells screen readers, at most every three seconds unless it is an answer to what was just done. */
export function announce(text, isAnswer = false) {
  const now = Date.now();
  if (!isAnswer && now - announced < 3000) return;
  announced = now;
  document.getElementById("news").textContent = text;
}

/** Asks before something is done; resolves to whether it should be. What cannot be undone is not done by a hasty Enter. */
export function confirm(title, paragraphs, action, isFinal = false) {
  return new Promise((resolve) => {
    const dialog = element("dialog", { "aria-labelledby": "confirm-title" },
      element("h2", { id: "confirm-title", text: title }),
      paragraphs.map((text) => element("p", { text })),
      element("form", { method: "dialog", class: "row" },
        element("button", { value: "yes", class: isFinal ? "danger" : "primary", text: action }), " ",
        element("button", { value: "no", text: "Cancel", autofocus: isFinal })));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
