// Bytes as they were sent: text, JSON that can be folded, or Base64.
import { copyButton } from "./copy.js";
import { element } from "./dom.js";
import { jsonView, parse } from "./json-view.js";

/** Returns the content of `data` as `{encoding, text, isCut}`, with buttons. `label` names it, such as "Data". */
export function payload(label, data, hint = "") {
  const isBase64 = data.encoding === "base64";
  const tree = isBase64 || data.isCut ? null : parse(data.text);
  const raw = element("pre", { tabindex: "0", "aria-label": label, class: "raw", text: data.text });
  const shown = element("div", { class: "payload-content" }, tree ? jsonView(tree, label) : raw);
  const copy = copyButton(() => data.text, label.toLowerCase(), isBase64 ? "Copy Base64" : data.isCut ? "Copy the beginning" : "Copy");
  const toggle = tree && rawToggle(label, (isRaw) => shown.replaceChildren(isRaw ? raw : jsonView(tree, label)));
  return element("div", { class: "payload" }, element("div", { class: "toolbar" }, element("span", { class: "hint", text: hint }), toggle, copy), shown);
}

function rawToggle(label, show) {
  const button = element("button", { type: "button", class: "small", text: "Raw", "aria-pressed": "false", "aria-label": `Raw ${label.toLowerCase()}, exactly as sent` });
  button.addEventListener("click", () => {
    const isRaw = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isRaw));
    show(isRaw);
  });
  return button;
}
