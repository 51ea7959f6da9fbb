// Buttons that copy a text.
import { announce, element, setText } from "./dom.js";

const SHOWN_MS = 2000;

/** Returns a button that copies the result of `text()`. `what` names it for screen readers. */
export function copyButton(text, what, label = "Copy") {
  const button = element("button", { type: "button", class: "small copy", text: label, "aria-label": `${label} ${what}` });
  let timer = null;
  button.addEventListener("click", async () => {
    const isCopied = await copy(text());
    const said = isCopied ? "Copied" : "Not allowed";
    setText(button, said);
    announce(isCopied ? `Copied ${what}` : `The browser does not allow to copy ${what}`, true);
    clearTimeout(timer);
    timer = setTimeout(() => setText(button, label), SHOWN_MS);
  });
  return button;
}

async function copy(text) {
  try {
    // Only pages of this machine or with TLS have a clipboard.
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text);
  }
}

function copySelection(text) {
  const area = element("textarea", { class: "unseen", "aria-hidden": "true" });
  const focus = document.activeElement;
  area.value = text;
  (focus?.closest("dialog") || document.body).append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  focus?.focus();
  return isCopied;
}
