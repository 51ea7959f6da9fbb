// The console's own interface.

/** A refusal, in the emulator's words. */
export class Refused extends Error {
  constructor(message, isMissing) {
    super(message);
    this.isMissing = isMissing;
  }
}

async function call(path, options = {}) {
  const response = await fetch(`/console/api/${path}`, options);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = answer.error || {};
    throw new Refused(error.message ? `${error.message} (${error.status})` : `The emulator answered ${response.status}`, response.status === 404);
  }
  return answer;
}

export function get(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  return call(query.size ? `${path}?${query}` : path);
}

export function post(path, body) {
  return call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** Hears of news as long as the page is seen: browsers allow few connections to one host. */
export function listen(onNews, onLink) {
  let source = null;
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource("/console/api/live");
    source.onopen = () => onLink("live");
    source.onmessage = (event) => onNews(JSON.parse(event.data));
    source.onerror = () => {
      onLink("lost");
      // One that was refused is not tried again by the browser.
      if (source.readyState === EventSource.CLOSED) { close(); setTimeout(open, 3000); }
    };
  };
  const close = () => { source?.close(); source = null; };
  document.addEventListener("visibilitychange", () => document.hidden ? (close(), onLink("paused")) : open());
  window.addEventListener("pagehide", close);
  open();
}
