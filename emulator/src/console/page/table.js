// Tables that change in place: a row stays the same element as long as its key is there, so focus and selection stay too.
import { element, setText } from "./dom.js";

/**
 * A table. `columns` are `[heading, kind]`, where the kind is a class such as `number`. Rows are `{key, cells}`, and a cell is
 * a text, `{text, href, class, title}`, `{items}` for several of these, or `{button, text, label}`.
 */
export function table(caption, columns) {
  const body = element("tbody");
  const head = columns.map(([name, kind]) => element("th", { scope: "col", class: kind || null, text: name }));
  const made = element("table", {}, element("caption", { class: "unseen", text: caption }), element("thead", {}, element("tr", {}, head)), body);
  const rows = new Map();
  return {
    node: element("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" }, made),
    update(wanted) {
      const keys = new Set(wanted.map((row) => row.key));
      for (const [key, row] of rows) if (!keys.has(key)) { row.node.remove(); rows.delete(key); }
      wanted.forEach(({ key, cells }, place) => {
        let row = rows.get(key);
        if (!row) {
          row = { node: element("tr", {}, columns.map(([, kind], at) => element(at === 0 ? "th" : "td", at === 0 ? { scope: "row", class: kind || null } : { class: kind || null }))), shown: [] };
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
  if (cell === null || typeof cell !== "object") { setText(target, cell ?? "–"); return; }
  if (cell.items) {
    target.replaceChildren(element("ul", { class: "stands" }, cell.items.map((item) => element("li", {}, item.flatMap((part) => [made(part), " "])))));
    return;
  }
  const old = target.firstElementChild;
  if (old && cell.href && old.tagName === "A" && !cell.class) {
    setText(old, cell.text);
    old.setAttribute("href", cell.href);
    return;
  }
  target.replaceChildren(made(cell));
}

function made(cell) {
  if (typeof cell === "string") return document.createTextNode(cell);
  if (cell.button) {
    const button = element("button", { type: "button", class: "small", text: cell.text, "aria-label": cell.label });
    button.onclick = cell.button;
    return button;
  }
  return element(cell.href ? "a" : "span", { href: cell.href, class: cell.class, title: cell.title, text: cell.text });
}
