// JSON that can be folded. Every token is shown to the letter: parsing and serializing could change values.
import { element } from "./dom.js";
import { number, plural } from "./words.js";

/** The most lines that are unfolded at first. */
const MAX_LINES = 200;
/** The members of an array or object that are shown at once. */
const MEMBERS = 100;

/** Returns the tree of a JSON object or array, or null if the text is something else. */
export function parse(text) {
  if (!/^\s*[{[]/.test(text)) return null;
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const root = { members: [] };
  const open = [root];
  let key = null;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]|[^\s{}[\],:"]+/g)) {
    const inside = open.at(-1);
    if (token === "{" || token === "[") {
      const branch = { key, open: token, members: [] };
      inside.members.push(branch);
      open.push(branch);
      key = null;
    } else if (token === "}" || token === "]") {
      open.pop().close = token;
    } else if (token.endsWith(":")) {
      key = token.slice(0, -1).trimEnd();
    } else {
      inside.members.push({ key, text: token });
      key = null;
    }
  }
  return root.members[0];
}

/** Returns the element of a tree. Folded parts are built when they are unfolded. */
export function jsonView(tree, label) {
  unfoldSome(tree);
  return element("div", { class: "json mono", role: "group", "aria-label": label, tabindex: "0" }, nodeOf(tree, false));
}

/** Marks the outer parts as unfolded, as long as there is room. */
function unfoldSome(tree) {
  let lines = 1;
  const next = [tree];
  while (next.length) {
    const node = next.shift();
    const more = Math.min(node.members.length, MEMBERS);
    if (lines + more > MAX_LINES && node !== tree) continue;
    lines += more + 1;
    node.isUnfolded = true;
    next.push(...node.members.slice(0, MEMBERS).filter((each) => each.members?.length));
  }
}

function nodeOf(node, hasNext) {
  const key = node.key === null ? [] : [element("span", { class: "key", text: node.key }), ": "];
  const comma = hasNext ? "," : "";
  if (!node.members) return element("div", { class: "line" }, key, element("span", { class: kindOf(node.text), text: node.text }), comma);
  if (!node.members.length) return element("div", { class: "line" }, key, node.open + node.close + comma);
  const count = plural(node.members.length, node.open === "{" ? "field" : "item");
  const members = element("div", { class: "members" });
  const summary = element("summary", {}, key, node.open, element("span", { class: "folded" }, "…", node.close, comma), element("span", { class: "count", text: count }));
  const made = element("details", {}, summary, members, element("div", { class: "line", text: node.close + comma }));
  const build = () => members.firstChild || showMembers(members, node, 0);
  if (node.isUnfolded) { build(); made.open = true; }
  made.addEventListener("toggle", () => made.open && build());
  return made;
}

function showMembers(place, node, from) {
  const { members } = node;
  const part = members.slice(from, from + MEMBERS);
  place.append(...part.map((member, at) => nodeOf(member, from + at < members.length - 1)));
  const rest = members.length - from - part.length;
  if (!rest) return;
  const more = element("button", { type: "button", class: "small", text: `Show ${number(Math.min(rest, MEMBERS))} more of ${number(rest)}`, onclick: () => { more.remove(); showMembers(place, node, from + MEMBERS); } });
  place.append(more);
}

function kindOf(text) {
  return text.startsWith("\"") ? "string" : "literal";
}
