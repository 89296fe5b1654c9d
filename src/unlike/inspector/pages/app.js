// The shell: the view of an address, the key, and the parts of the page that all views share.
// An address is the part after #, such as #/users/ada. A view is a module with title(params) and render(root, params, api).

import { ApiError, KEY_WANTED, NeedsKey, forgetKey, keepKey, openApi, readConfig } from "./api.js";
import { announce, fill, h, notice } from "./dom.js";

const ROUTES = [
  { path: ["users"], part: "users", module: "users" },
  { path: ["users", ":user"], part: "users", module: "user" },
  { path: ["map"], part: "map", module: "map" },
  { path: ["map", ":user"], part: "map", module: "map" },
  { path: ["map", ":user", ":item"], part: "map", module: "map" },
  { path: ["playground"], part: "playground", module: "playground" },
  { path: ["runs"], part: "runs", module: "runs" },
  { path: ["runs", ":run"], part: "runs", module: "run" },
  { path: ["runs", ":run", "cases", ":case"], part: "runs", module: "case" },
  { path: ["gains"], part: "runs", module: "gains" },
  { path: ["compare", ":left", ":right"], part: "runs", module: "compare" },
  { path: ["latent", "*rest"], part: "latent", module: "latent" },
  { path: ["corpus"], part: "corpus", module: "corpus" },
];
const PLACES = [
  ["users", "Users"],
  ["map", "Difference map"],
  ["playground", "Playground"],
  ["runs", "Runs"],
  ["latent", "Latent"],
  ["corpus", "Corpus"],
];

const main = document.getElementById("main");
let config = { views: [], needs_key: true, version: "" };
let going = new AbortController();
let stop = null; // what the view that is shown wants done when it is left

// The route of an address, with the parts of its path and its query, decoded.
function found(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decoded);
  const route = ROUTES.find(
    (one) =>
      config.views.includes(one.part) &&
      (one.path.at(-1).startsWith("*") || one.path.length === parts.length) &&
      one.path.every((name, i) => /^[:*]/.test(name) || name === parts[i]),
  );
  if (!route) return null;
  const params = { query: new URLSearchParams(query) };
  route.path.forEach((name, i) => {
    if (name.startsWith(":")) params[name.slice(1)] = parts[i];
    if (name.startsWith("*")) params[name.slice(1)] = parts.slice(i);
  });
  return { route, params };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function show() {
  if (location.hash === "#main") return; // the skip link
  going.abort();
  going = new AbortController();
  const mine = going;
  stop?.();
  stop = null;
  const home = ["", "#", "#/"].includes(location.hash);
  const place = found(home ? `#/${config.views[0]}` : location.hash);
  markPlace(place?.route.part);
  if (!place) return showProblem("There is no such page", `Nothing is at ${location.hash} here.`);
  const api = openApi(mine.signal);
  try {
    const view = await import(`./views/${place.route.module}.js`);
    if (mine.signal.aborted) return;
    const title = view.title(place.params);
    document.title = `${title} · unlike`;
    const heading = h("h1", { tabindex: -1 }, title);
    const root = h("div", { class: "view" });
    fill(main, heading, root);
    main.setAttribute("aria-busy", "true");
    heading.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    const left = await view.render(root, place.params, api);
    const leaving = typeof left === "function" ? left : null;
    if (mine.signal.aborted) leaving?.();
    else stop = leaving;
  } catch (error) {
    if (!mine.signal.aborted && !(error instanceof NeedsKey)) fill(main, ...problem(error));
  } finally {
    if (!mine.signal.aborted) main.removeAttribute("aria-busy");
  }
}

function problem(error) {
  const known = error instanceof ApiError;
  if (!known) console.error(error);
  return [h("h1", { tabindex: -1 }, known ? "This cannot be shown" : "This page failed"), notice("problem", error.message)];
}

function showProblem(title, text) {
  document.title = `${title} · unlike`;
  fill(main, h("h1", { tabindex: -1 }, title), h("p", {}, text));
}

function markPlace(part) {
  for (const link of document.querySelectorAll("#places a")) {
    if (link.dataset.part === part) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// Also when the service rejects the key while a view is shown.
function askForKey({ detail } = {}) {
  going.abort();
  stop?.();
  stop = null;
  main.removeAttribute("aria-busy");
  document.title = "API key · unlike";
  const field = h("input", { id: "key", type: "password", autocomplete: "off", spellcheck: false, required: true });
  const form = h(
    "form",
    { class: "keys", onsubmit: entered },
    h("label", { for: "key" }, "API key"),
    field,
    h("p", { class: "quiet" }, "It is kept until this tab is closed, and sent to this service only. ", h("code", {}, "unlike keys new NAME --store STORE"), " prints one."),
    h("button", { type: "submit", class: "main" }, "Open"),
  );
  function entered(event) {
    event.preventDefault();
    keepKey(field.value.trim());
    document.getElementById("leave").hidden = false;
    show();
  }
  fill(main, h("h1", {}, "Which key?"), detail?.refused ? notice("problem", "This key is not valid: it may be misspelt, expired or revoked.") : [], form);
  document.getElementById("leave").hidden = true;
  announce(`${detail?.refused ? "This key is not valid. " : ""}The service asks for an API key.`);
  field.focus();
}

function leave() {
  forgetKey();
  askForKey();
}

async function start() {
  try {
    config = await readConfig();
  } catch (error) {
    return fill(main, ...problem(error));
  }
  const there = PLACES.filter(([part]) => config.views.includes(part));
  fill(
    document.getElementById("places"),
    there.map(([part, words]) => h("a", { href: `#/${part}`, data: { part } }, words)),
  );
  document.getElementById("version").textContent = `unlike ${config.version}`;
  const button = document.getElementById("leave");
  button.hidden = !config.needs_key || !openApi().hasKey();
  button.addEventListener("click", leave);
  document.querySelector(".skip").addEventListener("click", skipped);
  window.addEventListener("hashchange", show);
  window.addEventListener(KEY_WANTED, askForKey);
  await show();
}

// The address stays, since it names the view that is shown.
function skipped(event) {
  event.preventDefault();
  main.focus();
}

start();
