// Gives what is wrong with the page as it is shown: controls without a name, faint text, broken structure.
const faults = [];
const shown = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".unseen, .skip:not(:focus), noscript");
const where = (element) => `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ""}${element.className?.baseVal === undefined && element.className ? `.${element.className.split(" ").join(".")}` : ""} "${(element.textContent || "").trim().slice(0, 40)}"`;

function nameOf(control) {
  const by = control.getAttribute("aria-labelledby");
  const labels = [...(control.labels || [])].map((label) => label.textContent);
  return (control.getAttribute("aria-label") || (by && document.getElementById(by)?.textContent) || labels.join(" ") || (/^(A|BUTTON|SUMMARY)$/.test(control.tagName) ? control.textContent : "") || "").trim();
}

for (const control of document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']"))
  if (shown(control) && !nameOf(control)) faults.push(`no name: ${where(control)}`);

// Colours are read back from a canvas pixel, whatever form they are written in.
const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function rgba(colour) {
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = colour;
  pixel.fillRect(0, 0, 1, 1);
  return pixel.getImageData(0, 0, 1, 1).data;
}
function luminance([red, green, blue]) {
  const linear = [red, green, blue].map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}
function ground(element) {
  for (let each = element; each; each = each.parentElement) {
    const colour = rgba(getComputedStyle(each).backgroundColor);
    if (colour[3] === 255) return colour;
  }
  return rgba("canvas");
}
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !shown(element) || /^(SCRIPT|STYLE|OPTION)$/.test(element.tagName)) continue;
  const style = getComputedStyle(element);
  const [fore, back] = [luminance(rgba(element.closest("svg") ? style.fill : style.color)), luminance(ground(element))];
  const contrast = (Math.max(fore, back) + 0.05) / (Math.min(fore, back) + 0.05);
  if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)}: ${where(element)}`);
}

if (!document.documentElement.lang) faults.push("no language");
if (document.querySelectorAll("main").length !== 1 || document.querySelectorAll("header nav[aria-label]").length !== 1) faults.push("no landmarks");
if (document.querySelectorAll("main h1").length !== 1) faults.push("not one h1");
for (const image of document.querySelectorAll("img:not([alt]), svg[role=img]:not([aria-label])")) faults.push(`no text for: ${where(image)}`);
for (const table of document.querySelectorAll("main table")) if (!table.caption || !table.querySelector("th[scope=col]")) faults.push(`no caption or headings: ${where(table)}`);
const landmarks = [...document.querySelectorAll("nav, section[aria-label], section[aria-labelledby], [role=region], [role=search]")].filter(shown).map((element) => `${element.tagName} ${element.getAttribute("role") || ""} ${nameOf(element)}`);
for (const name of new Set(landmarks.filter((name, place) => landmarks.indexOf(name) !== place))) faults.push(`a landmark twice: ${name}`);
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of new Set(ids.filter((id, place) => ids.indexOf(id) !== place))) faults.push(`id twice: ${id}`);
let level = 0;
for (const heading of document.querySelectorAll("main h1, main h2, main h3, main h4, main h5")) {
  const own = Number(heading.tagName[1]);
  if (shown(heading)) { if (own > level + 1) faults.push(`a level is left out: ${where(heading)}`); level = own; }
}
if (document.documentElement.scrollWidth > document.documentElement.clientWidth) faults.push(`wider than the window: ${document.documentElement.scrollWidth}`);
return faults;
