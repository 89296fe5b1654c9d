// The HTTP API, as every other client sees it: the same keys, limits and errors. The key is stored only in this tab's
// sessionStorage.

export const KEY_WANTED = "unlike-key-wanted"; // an event of the window
const KEY = "unlike-key";
const HOME = new URL("../", document.baseURI); // the pages are at /inspect/ of whatever serves them
const LONGEST_WAIT_S = 5;

let config = { views: [], needs_key: true, reads_only: false, version: "" };

// An error answer of the service.
export class ApiError extends Error {
  constructor(status, type, message) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.type = type;
  }
}

// There is no key, or it is not valid; the page asks for one.
export class NeedsKey extends ApiError {
  constructor(message, { refused = false } = {}) {
    super(401, "unauthorised", message);
    forgetKey();
    window.dispatchEvent(new CustomEvent(KEY_WANTED, { detail: { refused } }));
  }
}

export function keepKey(key) {
  sessionStorage.setItem(KEY, key);
}

export function forgetKey() {
  sessionStorage.removeItem(KEY);
}

// What this server has: {views, needs_key, reads_only, version}.
export async function readConfig() {
  const answer = await asked(new URL("inspect/config.json", HOME), {});
  config = await answer.json();
  return config;
}

// Whether this server has a view, and whether it is read-only.
export const offers = (view) => config.views.includes(view);
export const readsOnly = () => config.reads_only;

// A path with its values encoded: path`/v1/users/${id}/profile`.
export function path(strings, ...values) {
  return String.raw({ raw: strings }, ...values.map((value) => encodeURIComponent(value)));
}

// get(path, query), put/post(path, body), del(path): the JSON of the answer. stream(path, body, onEvent): each
// server-sent event as onEvent(name, data). All are aborted when the view is left, or by their own `signal`.
export function openApi(left) {
  const call = async (method, where, { query, body, signal } = {}) => {
    const url = new URL(where.replace(/^\//, ""), HOME);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
    }
    const headers = { ...authorization(), ...(body === undefined ? {} : { "content-type": "application/json" }) };
    const until = signal && left ? AbortSignal.any([signal, left]) : (signal ?? left);
    return asked(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: until });
  };
  return {
    signal: left,
    hasKey: () => Boolean(sessionStorage.getItem(KEY)),
    get: async (where, query, signal) => (await call("GET", where, { query, signal })).json(),
    put: async (where, body) => (await call("PUT", where, { body })).json(),
    post: async (where, body, signal) => (await call("POST", where, { body, signal })).json(),
    del: async (where) => (await call("DELETE", where)).json(),
    stream: async (where, body, onEvent, signal) => events(await call("POST", where, { body, signal }), onEvent),
  };
}

function authorization() {
  const key = sessionStorage.getItem(KEY);
  if (!config.needs_key) return {};
  if (!key) throw new NeedsKey("an API key is needed");
  return { authorization: `Bearer ${key}` };
}

// One answer; retried once after the time that the service asks for.
async function asked(url, options, patient = true) {
  let answer;
  try {
    answer = await fetch(url, { ...options, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", `the service does not answer at ${url.origin}; is it running?`);
  }
  if (answer.ok) return answer;
  const wait_s = Number(answer.headers.get("retry-after") ?? Infinity);
  if (answer.status === 429 && patient && wait_s <= LONGEST_WAIT_S) {
    await new Promise((resolve) => setTimeout(resolve, wait_s * 1000));
    return asked(url, options, false);
  }
  throw await failed(answer);
}

async function failed(answer) {
  const body = await answer.json().catch(() => null);
  const { type = "internal", message = `HTTP ${answer.status}` } = body?.error ?? {};
  return answer.status === 401 ? new NeedsKey(message, { refused: true }) : new ApiError(answer.status, type, message);
}

async function events(answer, onEvent) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop();
    blocks.forEach((block) => tell(block, onEvent));
  }
}

function tell(block, onEvent) {
  let name = "message";
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  if (data.length) onEvent(name, JSON.parse(data.join("\n")));
}
