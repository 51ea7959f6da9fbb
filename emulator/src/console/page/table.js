// Tables that change in place: a row keeps its element while its key exists, and so focus and selection.
import { element, setText } from "./dom.js";

/**
 * A table. `columns` are `[heading, kind, sort, order]`, where the kind is a class such as `number`, and a column with the name `sort` can be
 * sorted; `order` describes an order that is not that of the text. Rows are `{key, cells, values}`, and a cell is a text, `{text, href, class, title}`, `{items: [{key, parts}]}` for several of
 * these, or `{button, text, label}`. Rows are sorted here by `values[sort]`, unless `onSort` takes `{sort, reverse}`.
 */
export function table(caption, columns, onSort = null) {
  const body = element("tbody", { role: "rowgroup" });
  const rows = new Map();
  let latest = [], order = null;
  const heads = columns.map((column) => heading(column, sortBy));
  // The roles are explicit: a narrow window shows a row as a card, which a browser does not treat as a row.
  const made = element("table", { class: "cards", role: "table" }, element("caption", { class: "unseen", text: caption }), element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, heads)), body);

  function sortBy(sort) {
    order = { sort, reverse: order?.sort === sort ? !order.reverse : false };
    showOrder(order);
    if (onSort) onSort(order); else update(latest);
  }
  function showOrder(shown) {
    order = shown;
    columns.forEach(([, kind, sort], at) => sort && heads[at].setAttribute("aria-sort", order?.sort === sort ? direction(kind, order.reverse) : "none"));
  }
  function update(wanted) {
    latest = wanted;
    const sorted = order && !onSort ? wanted.toSorted(comparison(order, columns)) : wanted;
    const keys = new Set(sorted.map((row) => row.key));
    for (const [key, row] of rows) if (!keys.has(key)) { row.node.remove(); rows.delete(key); }
    sorted.forEach((row, place) => {
      const node = rowOf(rows, columns, row);
      if (body.children[place] !== node) body.insertBefore(node, body.children[place] || null);
    });
  }
  return { node: element("div", { class: "scroll", role: "group", "aria-label": caption, tabindex: "0" }, made), update, showOrder };
}

function heading([name, kind, sort, order], sortBy) {
  const head = element("th", { scope: "col", role: "columnheader", class: kind || null, "aria-sort": sort ? "none" : null });
  head.append(sort ? element("button", { type: "button", class: "sort", text: name, title: order ? `Sort ${order}` : null, onclick: () => sortBy(sort) }) : name);
  return head;
}

/** Numbers and times begin with the largest. */
function direction(kind, reverse) {
  return isLargestFirst(kind) === reverse ? "ascending" : "descending";
}

function isLargestFirst(kind) {
  return /\b(number|largest)\b/.test(kind || "");
}

function comparison({ sort, reverse }, columns) {
  const [, kind] = columns.find((column) => column[2] === sort);
  const sign = isLargestFirst(kind) === reverse ? 1 : -1;
  return (one, other) => {
    const [left, right] = [one.values[sort], other.values[sort]];
    // An unknown value is last in both orders.
    if (left === right) return 0;
    if (left === null || left === undefined) return 1;
    if (right === null || right === undefined) return -1;
    return (typeof left === "string" ? left.localeCompare(right, "en", { numeric: true }) : left - right) * sign;
  };
}

function rowOf(rows, columns, { key, cells }) {
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
  return row.node;
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
