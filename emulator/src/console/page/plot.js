// Lines over the last five minutes, drawn as SVG.
import { element, setText } from "./dom.js";

const HEIGHT = 230, LEFT = 62, RIGHT = 8, TOP = 12, BOTTOM = 24;
const SPACE = "http://www.w3.org/2000/svg";
const CLASSES = ["one", "two", "three"];

function shape(tag, properties, text) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Returns a plot of the lines `names`. `write` formats a value of the axis. `update` takes `{now, seconds, lines}`. */
export function plot(title, names, write) {
  const svg = shape("svg", { class: "plot", role: "img", "aria-label": title });
  const about = element("p", { class: "hint" });
  const legend = element("ul", { class: "legend" }, names.map((name, place) => {
    const sample = shape("svg", { viewBox: "0 0 26 8", "aria-hidden": "true" });
    sample.append(shape("path", { d: "M0 4H26", class: CLASSES[place] }));
    return element("li", {}, sample, ` ${name}`);
  }));
  const node = element("figure", { class: "plot-figure" }, svg, legend, about);
  let latest = null;
  // It is drawn in its displayed width, so that its text has the size of other text.
  new ResizeObserver(() => latest && draw(latest)).observe(node);
  function draw({ now, seconds, lines }) {
    const width = node.clientWidth || 1120;
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const highest = Math.max(0, ...lines.flat().map(([, value]) => value));
    const top = highest > 0 ? ceiling(highest) : 1;
    const x = (at) => LEFT + (width - LEFT - RIGHT) * (1 - (now - at) / seconds);
    const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      const at = y(top * share).toFixed(1);
      parts.push(shape("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: at, y2: at }));
      parts.push(shape("text", { x: LEFT - 6, y: Number(at) + 4, "text-anchor": "end" }, write(top * share)));
    }
    for (let minute = 0; minute <= seconds / 60; minute++) {
      if (width < 480 && minute % 2) continue;
      const anchor = minute === 0 ? "end" : minute * 60 === seconds ? "start" : "middle";
      parts.push(shape("text", { x: x(now - minute * 60), y: HEIGHT - 6, "text-anchor": anchor }, minute === 0 ? "now" : `−${minute} min`));
    }
    lines.forEach((line, place) => parts.push(shape("path", { class: CLASSES[place], d: path(line, x, y) })));
    svg.replaceChildren(...parts);
    const highs = lines.map((line, place) => `${names[place]} at most ${write(Math.max(0, ...line.map(([, value]) => value)))}`);
    svg.setAttribute("aria-label", `${title}, last ${seconds / 60} minutes: ${highs.join(", ")}`);
    setText(about, `Highest in these ${seconds / 60} minutes: ${highs.join(", ")}.`);
  }
  return {
    node,
    update(figures) {
      latest = figures;
      draw(figures);
    },
  };
}

function path(points, x, y) {
  let previous = null;
  return points.map(([at, value]) => {
    const step = previous !== null && at - previous === 1 ? "L" : "M";
    previous = at;
    // A single second is a dot: a line without length and with round ends.
    return `${step}${x(at).toFixed(1)} ${y(value).toFixed(1)}${step === "M" ? "h0.01" : ""}`;
  }).join("");
}

/** Returns the next round number from `value` on. */
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((step) => step * power >= value * 0.999999);
}

/** Returns every second of the plot, with zero for seconds without events. */
export function everySecond({ now, seconds, busy }, value) {
  const known = new Map(busy.map((second) => [second.at, value(second)]));
  return Array.from({ length: seconds }, (_, place) => now - seconds + 1 + place)
    .filter((at) => at < now)
    .map((at) => [at, known.get(at) || 0]);
}

/** Returns the seconds with a value. */
export function knownSeconds({ busy }, value) {
  return busy.filter((second) => value(second) !== null).map((second) => [second.at, value(second)]);
}
