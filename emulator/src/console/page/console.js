// The frame: the current view, its refreshes, and the keyboard.
import { listen } from "./api.js";
import { announce, element, notice, setText } from "./dom.js";
import { plural } from "./words.js";
import * as deadLetters from "./dead-letters.js";
import * as message from "./message.js";
import * as messages from "./messages.js";
import * as overview from "./overview.js";
import * as subscription from "./subscription.js";
import * as topic from "./topic.js";

const LOOK_AGAIN_MS = 500;
const main = document.getElementById("main");
/** Patterns of addresses. Parts of a path are percent-encoded. The view parses the whole query. */
const views = [
  [/^#\/overview$/, overview.show],
  [/^#\/throughput$/, overview.throughput],
  [/^#\/topics\/([^/]+)\/([^/]+)$/, topic.show],
  [/^#\/subscriptions\/([^/]+)\/([^/]+)$/, subscription.show],
  [/^#\/messages(?:\?(.*))?$/, messages.show],
  [/^#\/messages\/([^/?]+)$/, message.show],
  [/^#\/dead-letters(?:\?(.*))?$/, deadLetters.show],
];

let current = null;
let looking = false;
let wanted = false;
let looked = 0;

async function open() {
  const hash = location.hash || "#/overview";
  const view = viewOf(hash);
  const isFirst = current === null;
  // A dialog belongs to the view that opened it.
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  current = view;
  main.replaceChildren(...view.nodes);
  document.title = `${view.title} – Pub/Sub emulator`;
  for (const item of document.querySelectorAll("nav a")) {
    const isHere = item.getAttribute("href") === `#/${view.section}`;
    if (isHere) item.setAttribute("aria-current", "page"); else item.removeAttribute("aria-current");
  }
  if (!isFirst) { main.focus({ preventScroll: true }); window.scrollTo(0, 0); }
  await look();
}

function viewOf(hash) {
  const [pattern, show] = views.find(([pattern]) => pattern.test(hash)) || [/$/, unknown];
  const parts = hash.match(pattern).slice(1);
  try {
    return show(...(show === messages.show || show === deadLetters.show ? parts : parts.map(decodeURIComponent)));
  } catch (error) {
    if (error instanceof URIError) return unknown();
    throw error;
  }
}

function unknown() {
  return { title: "Not found", section: "", nodes: [element("h1", { text: "There is no such page" }), element("p", {}, element("a", { href: "#/overview", text: "Go to the overview" }))], refresh: async () => {} };
}

/** Refreshes the view, once at a time, and once more if something changed in the meantime. */
async function look() {
  if (looking) { wanted = true; return; }
  looking = true;
  const view = current;
  try {
    await view.refresh();
    if (view === current && view.isGone) main.replaceChildren(...view.nodes);
    [view.isShown, view.isGone] = [true, false];
    main.querySelector("#trouble")?.remove();
  } catch (error) {
    if (view === current) {
      // Nothing else is shown of a missing resource.
      if (error.isMissing && !(view.isShown && view.staysWhenGone)) {
        view.isGone = true;
        main.replaceChildren(view.nodes[0]);
      }
      trouble(error);
    }
  }
  looked = Date.now();
  looking = false;
  if (view !== current || wanted) { wanted = false; later(); }
}

let timer = null;
function later() {
  const wait = Math.max(0, LOOK_AGAIN_MS - (Date.now() - looked));
  timer ??= setTimeout(() => { timer = null; look(); }, wait);
}

function trouble(error) {
  const text = error instanceof TypeError ? "The emulator does not answer. Was it stopped?" : error.message;
  const old = main.querySelector("#trouble");
  if (old) { setText(old, text); return; }
  const shown = notice("bad", text);
  shown.id = "trouble";
  main.querySelector("h1")?.after(shown);
}

let before = null;
function news({ version, all, deadLetters }) {
  const { published, acks, nacks } = all.totals;
  if (before && version !== before.version && !isPaused) {
    const parts = [
      published > before.published && `${plural(published - before.published, "message")} published`,
      acks > before.acks && `${plural(acks - before.acks, "delivery", "deliveries")} acknowledged`,
      nacks > before.nacks && `${plural(nacks - before.nacks, "delivery", "deliveries")} failed`,
    ].filter(Boolean);
    if (parts.length) announce(parts.join(", "));
  }
  before = { version, published, acks, nacks };
  if (isPaused) return;
  badge(deadLetters);
  current?.news?.(all);
  later();
}

/** Shows the number of dead letters in the navigation. */
function badge(count) {
  const shown = document.getElementById("badge");
  shown.hidden = count === 0;
  setText(shown, count > 999 ? "999+" : String(count));
}

let isPaused = false;
let linkState = "";
function linked(state) {
  linkState = state;
  const shown = isPaused && state === "live" ? "paused" : state;
  document.getElementById("dot").className = `dot ${shown}`;
  setText(document.getElementById("link"), { live: "Live", lost: "No connection, trying again", paused: "Paused" }[shown] || "Connecting");
}

/** Pauses and resumes the refreshes, since changing text is hard to read. */
function pauseOrGoOn() {
  isPaused = !isPaused;
  clearTimeout(timer);
  timer = null;
  setText(document.getElementById("pause"), isPaused ? "Go on" : "Pause");
  linked(linkState);
  if (!isPaused) look();
}

function keys() {
  let pending = false;
  const go = { o: "#/overview", m: "#/messages", d: "#/dead-letters", t: "#/throughput" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    if (pending && go[event.key]) location.hash = go[event.key];
    else if (event.key === "?") document.getElementById("shortcuts").showModal();
    else if (event.key === "l") pauseOrGoOn();
    else if (event.key === "p") { const form = document.getElementById("publish-data"); if (form) { event.preventDefault(); form.focus(); } }
    pending = event.key === "g";
  });
  document.getElementById("pause").addEventListener("click", pauseOrGoOn);
  document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
}

window.addEventListener("hashchange", open);
keys();
setText(document.getElementById("address"), `Emulator at ${location.host}.`);
await open();
listen(news, linked);
