// Tables that change in place: a row keeps its element while its key exists, and so focus and selection.
import { element, setText } from "./dom.js";

/**
 * A table. `columns` are `[heading, kind]`, where the kind is a class such as `number`. Rows are `{key, cells}`, and a cell is
 * a text, `{text, href, class, title}`, `{items: [{key, parts}]}` for several of these, or `{button, text, label}`.
 */
export function table(caption, columns) {
  const body = element("tbody", { role: "rowgroup" });
  const head = columns.map(([name, kind]) => element("th", { scope: "col", role: "columnheader", class: kind || null, text: name }));
  // The roles are explicit: a narrow window shows a row as a card, which a browser does not treat as a row.
  const made = element("table", { class: "cards", role: "table" }, element("caption", { class: "unseen", text: caption }), element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, head)), body);
  const rows = new Map();
  return {
    node: element("div", { class: "scroll", role: "group", "aria-label": caption, tabindex: "0" }, made),
    update(wanted) {
      const keys = new Set(wanted.map((row) => row.key));
      for (const [key, row] of rows) if (!keys.has(key)) { row.node.remove(); rows.delete(key); }
      wanted.forEach(({ key, cells }, place) => {
        let row = rows.get(key);
        if (!row) {
          row = { node: element("tr", { role: "row" }, columns.map(([name, kind], at) => element(at === 0 ? "th" : "td", { ...(at === 0 ? { scope: "row", role: "rowheader" } : { role: "cell" }), class: kind || null, "data-column": name }))), shown: [] };
          rows.set(key, row);
        }
        cells.forEach((cell, at) => {
          const written = JSON.stringify(cell);
          if (row.shown[at] === written) { if (cell?.button) row.node.children[at].firstChild.onclick = cell.button; return; }
          row.shown[at] = written;
          fill(row.node.children[at], cell);
        });
        if (body.children[place] !== row.node) body.insertBefore(row.node, body.children[place] || null);
      });
    },
  };
}

function fill(target, cell) {
  if (cell?.items) { fillItems(target, cell.items); return; }
  const old = target.childNodes.length === 1 ? target.firstChild : null;
  if (old && renew(old, cell ?? "–")) return;
  target.replaceChildren(made(cell ?? "–"));
}

/** Items are `{key, parts}`. Each keeps its element while its key exists. */
function fillItems(target, items) {
  if (target.firstElementChild?.className !== "statuses") target.replaceChildren(element("ul", { class: "statuses" }));
  const list = target.firstElementChild;
  const old = new Map([...list.children].map((item) => [item.dataset.key, item]));
  items.forEach(({ key, parts }, place) => {
    const item = old.get(key) || element("li", { "data-key": key });
    old.delete(key);
    fillParts(item, parts);
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] || null);
  });
  for (const item of old.values()) item.remove();
}

/** Every other node is a space between parts. */
function fillParts(item, parts) {
  parts.forEach((part, place) => {
    const old = item.childNodes[2 * place];
    if (!old) item.append(made(part), " ");
    else if (!renew(old, part)) old.replaceWith(made(part));
  });
  while (item.childNodes.length > 2 * parts.length) item.lastChild.remove();
}

/** Updates an old node, and returns true if that is possible. */
function renew(old, cell) {
  if (typeof cell !== "object") {
    if (old.nodeType !== Node.TEXT_NODE) return false;
    if (old.data !== String(cell)) old.data = cell;
    return true;
  }
  if (cell.button || old.tagName !== (cell.href ? "A" : "SPAN")) return false;
  setText(old, cell.text);
  for (const name of ["href", "class", "title"]) {
    if (!cell[name]) old.removeAttribute(name);
    else if (old.getAttribute(name) !== cell[name]) old.setAttribute(name, cell[name]);
  }
  return true;
}

function made(cell) {
  if (typeof cell !== "object") return document.createTextNode(cell);
  if (cell.button) {
    const button = element("button", { type: "button", class: "small", text: cell.text, "aria-label": cell.label });
    button.onclick = cell.button;
    return button;
  }
  return element(cell.href ? "a" : "span", { href: cell.href, class: cell.class, title: cell.title, text: cell.text });
}
