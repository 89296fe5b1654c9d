// Elements, made so that no text of a user can become markup: all words are text nodes, and no attribute comes
// from a text. Styles are classes, since the pages' security policy allows no style attribute.

const SHOWN_CHARS = 1000;
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202d\u202e]/g;
const NAMED = { "\u007f": "\u2421", "\u202d": "⟨LRO⟩", "\u202e": "⟨RLO⟩" };

// h("a", {href: "#/users", class: "main", onclick: f, data: {part: "x"}, hidden: true}, "words", node, [more])
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...nodes(children));
  return element;
}

function set(element, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "value") element.value = value;
  else if (name === "style") throw new Error("no style attribute: use a class");
  else element.setAttribute(name, value === true ? "" : value);
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(visible(String(child)))));
}

// Control and bidirectional characters as visible symbols; the rest unchanged.
export function visible(text) {
  return text.replace(CONTROL, (one) => NAMED[one] ?? String.fromCharCode(0x2400 + one.charCodeAt(0)));
}

// Replace the content of an element.
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

// Set the title of the shown view, once it is known.
export function entitle(text) {
  document.querySelector("main h1").textContent = text;
  document.title = `${text} · unlike`;
}

// Announce a change to screen readers.
export function announce(text) {
  document.getElementById("told").textContent = text;
}

// The address of a view: hashOf("users", id), hashOf("users", {search: "a"}).
export function hashOf(...parts) {
  const query = typeof parts.at(-1) === "object" ? parts.pop() : {};
  const known = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const tail = new URLSearchParams(known).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${tail ? `?${tail}` : ""}`;
}

// A text by a user or an LLM: isolated, in its own direction, the beginning first where it is long.
// `marked` may turn the text into nodes; see words().
export function prose(text, { marked = (part) => [part], label = "text" } = {}) {
  const whole = String(text ?? "");
  const shown = cut(whole, SHOWN_CHARS);
  const body = h("div", { class: "prose", dir: "auto" }, whole ? marked(shown) : h("span", { class: "quiet" }, "no words"));
  if (shown === whole) return body;
  const more = h("button", { type: "button", class: "small", onclick: showAll }, `Show the whole ${label} (${count(whole.length)} characters)`);
  function showAll() {
    fill(body, marked(whole));
    body.classList.add("tall");
    body.tabIndex = 0;
    body.focus();
    more.remove();
  }
  return h("div", {}, body, more);
}

// One line of a text, for lists and labels.
export function brief(text, n = 80) {
  const whole = String(text ?? "");
  const line = whole.slice(0, 4 * n).replace(/\s+/g, " ").trim();
  const short = cut(line, n);
  return visible(short === line && whole.length <= 4 * n ? short : `${short}…`);
}

// The first n code points at most; never half of one.
function cut(text, n) {
  return text.length <= n ? text : [...text.slice(0, 2 * n)].slice(0, n).join("");
}

// A text as words and the characters between them: [{text, word}], word in lower case or "". For marking what is shared.
export function words(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(/[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu)) {
    if (found.index > at) parts.push({ text: text.slice(at, found.index), word: "" });
    parts.push({ text: found[0], word: found[0].toLowerCase().normalize("NFC") });
    at = found.index + found[0].length;
  }
  if (at < text.length) parts.push({ text: text.slice(at), word: "" });
  return parts;
}

// table({caption, columns: [{name, cell(row), figure, sort, sorted}], rows, empty, onSort})
// The first column heads its row. `figure` sets a column to the right; `sort` makes its heading a button.
export function table({ caption, columns, rows, empty = "Nothing to show.", onSort, rowAttributes = () => ({}) }) {
  const head = columns.map((one) =>
    h("th", { scope: "col", class: one.figure && "figure", "aria-sort": one.sorted && (one.sorted === "up" ? "ascending" : "descending") },
      one.sort ? h("button", { type: "button", class: "sort", onclick: () => onSort(one.sort) }, one.name, one.sorted && h("span", { "aria-hidden": "true" }, one.sorted === "up" ? " ↑" : " ↓")) : one.name),
  );
  const body = rows.map((row) =>
    h("tr", rowAttributes(row), columns.map((one, i) =>
      h(i ? "td" : "th", { scope: i ? undefined : "row", class: one.figure && "figure", data: i ? { label: one.name } : {} }, one.cell(row)))),
  );
  return h("div", { class: "box", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)),
    rows.length === 0 && h("p", { class: "quiet" }, empty),
  );
}

// Page links of a list; nothing if there is one page.
export function pager({ offset, limit, total, onPage }) {
  if (offset === 0 && total <= limit) return null;
  const last = Math.min(offset + limit, total);
  const button = (words, to, can) => h("button", { type: "button", disabled: !can, onclick: () => onPage(to) }, words);
  return h("nav", { class: "pager", "aria-label": "Pages of the list" },
    button("Previous", Math.max(offset - limit, 0), offset > 0),
    h("span", {}, total ? `${count(offset + 1)} to ${count(last)} of ${count(total)}` : "none"),
    button("Next", offset + limit, last < total),
  );
}

// A notice: kind "note", "good", "warning" or "problem" (announced at once).
export function notice(kind, ...children) {
  return h("div", { class: `notice ${kind}`, role: kind === "problem" ? "alert" : "status" }, children);
}

// A labelled control.
export function field(label, control, hint) {
  control.id ||= `field-${Math.random().toString(36).slice(2)}`;
  const about = hint && h("span", { class: "quiet", id: `${control.id}-hint` }, hint);
  if (about) control.setAttribute("aria-describedby", about.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, about);
}

// A choice of [[value, words]].
export function choice(options, value, onChange) {
  const select = h("select", {}, options.map(([one, text]) => h("option", { value: one, selected: String(one) === String(value) }, text)));
  if (onChange) select.addEventListener("change", () => onChange(select.value));
  return select;
}

// A button for slow work: shows a failure in `where`, and cannot be pressed twice.
export function doing(label, work, { where, kind = "" } = {}) {
  const button = h("button", { type: "button", class: kind }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    if (where) fill(where);
    try {
      await work();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (where) fill(where, notice("problem", error.message));
      else throw error;
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  });
  return button;
}

// A fold whose content is made when it is first opened.
export function fold(summary, make, open = false) {
  const details = h("details", { open }, h("summary", {}, summary));
  const opened = () => details.open && details.childElementCount === 1 && details.append(...nodes([make()]));
  details.addEventListener("toggle", opened);
  if (open) opened();
  return details;
}

// Offer data as a file.
export function download(name, text, type = "application/json") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// Numbers and times in words ------------------------------------------------------------------------------------------

export function count(n) {
  return Number(n).toLocaleString("en");
}

// A number for the ticks of an axis: 12, 3k, 1.5M.
export function short(n) {
  return Number(n).toLocaleString("en", { notation: "compact" });
}

export function decimal(n, digits = 3) {
  return n === null || n === undefined || Number.isNaN(n) ? "–" : Number(n).toFixed(digits);
}

// Whole seconds, with separators: some runs take hours.
export function seconds(n) {
  return n === null || n === undefined || Number.isNaN(n) ? "–" : count(Math.round(n));
}

export function day(ms) {
  return ms === null || ms === undefined ? "–" : new Date(ms).toISOString().slice(0, 10);
}

export function time(ms) {
  return ms === null || ms === undefined ? "–" : `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

// Plots ---------------------------------------------------------------------------------------------------------------

let loading = null;

// Observable Plot and d3, loaded when the first plot is drawn: {Plot, d3}.
export function loadPlot() {
  loading ??= script("pages/vendor/d3.min.js")
    .then(() => script("pages/vendor/plot.umd.min.js"))
    .then(() => ({ Plot: window.Plot, d3: window.d3 }));
  return loading;
}

function script(src) {
  return new Promise((resolve, reject) => {
    const element = h("script", { src, onload: resolve, onerror: () => reject(new Error(`${src} cannot be read`)) });
    document.head.append(element);
  });
}

// A plot with its caption, and a folded table of the same data.
// `draw(width)` returns the result of Plot.plot(); it is called again when the width changes.
export function figure({ label, caption, draw, rows }) {
  const place = h("div", { class: "plot-place" });
  const whole = h("figure", {}, place, caption && h("figcaption", {}, caption), rows && fold("As a table", rows));
  let width = 0;
  const redraw = (to) => {
    width = to;
    const plot = draw(width);
    plot.querySelectorAll("style").forEach((style) => style.remove()); // not allowed here; style.css has the rules
    const svg = plot.matches("svg") ? plot : plot.querySelector("svg:last-of-type");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    unlabel(svg);
    new MutationObserver(() => unlabel(svg)).observe(svg, { childList: true, subtree: true });
    place.replaceChildren(plot);
  };
  whole.redraw = () => width && redraw(width);
  new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now && now !== width) redraw(now);
  }).observe(place);
  return whole;
}

// Plot labels groups without a role, which ARIA does not allow; the whole plot is one labelled image instead.
function unlabel(svg) {
  svg.querySelectorAll("[aria-label]").forEach((part) => {
    part.dataset.mark = part.getAttribute("aria-label");
    part.removeAttribute("aria-label");
  });
}
