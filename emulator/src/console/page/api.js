// The console's API.

/** An error with the emulator's text. `code` is Google's name of its kind, such as NOT_FOUND. */
export class Rejected extends Error {
  constructor(message, isMissing, code) {
    super(message);
    this.isMissing = isMissing;
    this.code = code;
  }
}

async function call(path, options = {}) {
  const response = await fetch(`/console/api/${path}`, options);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = answer.error || {};
    throw new Rejected(error.message ? `${error.message} (${error.status})` : `The emulator answered ${response.status}`, response.status === 404, error.status);
  }
  return answer;
}

export function get(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  return call(query.size ? `${path}?${query}` : path);
}

export function post(path, body) {
  return change("POST", path, body);
}

export function put(path, body) {
  return change("PUT", path, body);
}

export function remove(path) {
  return change("DELETE", path);
}

function change(method, path, body) {
  return call(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** Receives updates while the page is visible: browsers allow few connections to one host. */
export function listen(onNews, onLink) {
  let source = null;
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource("/console/api/live");
    source.onopen = () => onLink("live");
    source.onmessage = (event) => onNews(JSON.parse(event.data));
    source.onerror = () => {
      onLink("lost");
      // The browser does not retry a rejected one.
      if (source.readyState === EventSource.CLOSED) { close(); setTimeout(open, 3000); }
    };
  };
  const close = () => { source?.close(); source = null; };
  document.addEventListener("visibilitychange", () => document.hidden ? (close(), onLink("paused")) : open());
  window.addEventListener("pagehide", close);
  open();
}
