// The difference map: a user among others on an item. Clusters and representatives follow the controls; the LLM is called
// only when its button is pressed.

import { announce, brief, choice, count, day, doing, entitle, field, fill, h, hashOf, notice, pager, prose } from "../dom.js";
import { readsOnly } from "../api.js";
import { chooser, nothing, start } from "../parts/choose.js";
import { mapPlot } from "../parts/mapplot.js";

const SELECTORS = [
  ["kmeans", "Centres of the other clusters"],
  ["random", "At random"],
  ["farthest", "The least similar"],
];
const MOST_K = 12;
const LIMIT = 12;

export const title = () => "Difference map";

export async function render(root, { user, item, query }, api) {
  if (!user || !item) {
    const first = await start(user, api);
    if (!first) return nothing(root);
    history.replaceState(null, "", hashOf("map", first.user, first.item));
    return render(root, { ...first, query }, api);
  }
  const asked = { k: Math.min(Number(query.get("k")) || 4, MOST_K), selector: query.get("by") ?? "kmeans" };
  const state = { points: [], chosen: 0, offset: 0, usual: false };
  const about = h("p", { "aria-live": "polite" });
  const told = h("div");
  const reading = h("section", { class: "card reading", tabindex: 0, "aria-label": "The text that is read" });
  const listing = h("section", { class: "card" });
  const found = h("div");
  const read = (point, quiet) => {
    state.chosen = point.n;
    fill(reading, ...oneText(point, state));
    if (!quiet) plot.redraw();
    listing.querySelectorAll("button[data-n]").forEach((one) => one.setAttribute("aria-pressed", String(Number(one.dataset.n) === point.n)));
  };
  const asking = ask(); // while the drawing is loaded
  fill(about, "The texts on the item are being placed; the first time this takes some seconds …");
  const plot = await mapPlot(state, (point) => point.n !== state.chosen && read(point, true));
  let waiting = 0;
  const move = (what) => {
    Object.assign(asked, what);
    history.replaceState(null, "", hashOf("map", user, item, { k: asked.k, by: asked.selector }));
    clearTimeout(waiting);
    waiting = setTimeout(() => load().catch((error) => error.name !== "AbortError" && fill(told, notice("problem", error.message))), 120);
  };
  fill(
    root,
    await chooser({ user, item }, (...chosen) => (location.hash = hashOf("map", ...chosen)), api),
    controls(asked, move),
    about,
    told,
    h("div", { class: "aside gap" },
      h("section", { class: "card" }, h("h2", {}, "All texts on the item"), legend(), plot),
      reading,
    ),
    h("div", { class: "aside gap" }, listing, differences(user, item, asked, found, api)),
  );
  await Promise.all([load(asking), kept()]);
  return () => clearTimeout(waiting);

  function ask() {
    const answer = api.get("/v1/map", { user_id: user, item_id: item, ...asked });
    answer.catch(() => {}); // who awaits it says what went wrong
    return answer;
  }

  async function load(answer = ask()) {
    const seen = JSON.stringify(asked);
    const map = await answer;
    if (seen !== JSON.stringify(asked)) return;
    entitle(`Map of ${brief(map.item_title || item, 60)}`);
    state.points = numbered(map.points);
    const number = Math.max(0, ...state.points.map((point) => point.number));
    state.usual = map.place === "usual";
    state.offset = 0;
    if (!state.points[state.chosen]) state.chosen = 0;
    const said = sentences(map, number);
    fill(about, said);
    fill(told, map.why && notice("note", `${map.why}.`), map.n_left_out > 0 && notice("note", `${count(map.n_left_out)} others are not on the map: their texts wait to be placed, or it is full.`));
    if (state.points.length) read(state.points[state.chosen], true);
    else fill(reading, h("h2", {}, "Nothing to read"), h("p", { class: "quiet" }, "There is no text on this item that may be shown."));
    list();
    plot.redraw();
  }

  function list() {
    const order = [...state.points].sort((a, b) => b.mine - a.mine || b.chosen - a.chosen || a.number - b.number || a.group - b.group || a.n - b.n);
    fill(
      listing,
      h("h2", {}, "The same as a list"),
      h("ul", { class: "plain" }, order.slice(state.offset, state.offset + LIMIT).map((point) => h("li", {}, entry(point, state, read)))),
      order.length > LIMIT && pager({ offset: state.offset, limit: LIMIT, total: order.length, onPage: (to) => { state.offset = to; list(); } }),
    );
  }

  async function kept() {
    const { rows } = await api.get("/v1/map/differences", { user_id: user, item_id: item });
    fill(found, rows.length ? rows.map((one) => difference(one)) : h("p", { class: "quiet" }, "No profile has a difference on this item: it is not among the user's key records, or too few others wrote about it."));
  }
}

// One numbering: representatives 1 to K, and a cluster is called after the first representative in it.
function numbered(points) {
  let last = 0;
  const named = points.map((point, n) => ({ ...point, n, number: point.chosen ? (last += 1) : 0 }));
  const clusters = new Map();
  for (const one of [...named].sort((a, b) => (b.number > 0) - (a.number > 0) || a.number - b.number)) {
    if (!clusters.has(one.group)) clusters.set(one.group, one.number || (last += 1));
  }
  return named.map((point) => ({ ...point, group: clusters.get(point.group) - 1 }));
}

function controls(asked, move) {
  const shown = h("output", {}, String(asked.k));
  const k = h("input", { type: "range", min: 1, max: MOST_K, step: 1, value: asked.k });
  k.addEventListener("input", () => {
    shown.textContent = k.value;
    move({ k: Number(k.value) });
  });
  return h("div", { class: "row" },
    h("div", { class: "field" }, h("label", { for: "map-k" }, "K, number of representatives: ", shown), Object.assign(k, { id: "map-k" })),
    field("How they are chosen", choice(SELECTORS, asked.selector, (selector) => move({ selector }))),
  );
}

// Reading ------------------------------------------------------------------------------------------------------------

function legend() {
  const one = (sign, words) => h("li", {}, h("span", { class: "sign", "aria-hidden": "true" }, sign), words);
  return h("ul", { class: "legend" }, one("★", "this user"), one("①", "a representative, numbered like its cluster"), one("●", "another person's text; a colour is a cluster"));
}

function sentences(map, n_chosen) {
  const others = `${count(map.n_others)} other${map.n_others === 1 ? "" : "s"} wrote about it and may be compared`;
  const place = { text: "", usual: "; this user did not, and is shown at the mean of all own texts", none: "; this user is not on the map" }[map.place];
  const shares = map.explained.reduce((sum, share) => sum + share, 0);
  return `${others}${place}. ${count(n_chosen)} of them ${n_chosen === 1 ? "represents" : "represent"} the others. The two directions show ${Math.round(100 * shares)} % of the variance of the texts.`;
}

function named(point, state) {
  if (point.mine) return state.usual ? "Where this user usually is" : "This user's text";
  return point.number ? `Representative ${point.number}` : "Another person's text";
}

function oneText(point, state) {
  return [
    h("h2", { "aria-live": "polite" }, named(point, state)),
    h("div", { class: "row middle tight" },
      h("span", { class: "badge" }, h("span", { class: `dot ink${point.group % 6}`, "aria-hidden": "true" }, "● "), `cluster ${point.group + 1}`),
      h("span", { class: "quiet" }, (state.usual && point.mine) || !point.timestamp ? "" : `${day(point.timestamp)}${point.rating === null ? "" : ` · rated ${point.rating}`}`),
    ),
    point.title && h("strong", { class: "prose", dir: "auto" }, brief(point.title, 200)),
    state.usual && point.mine ? h("p", { class: "quiet" }, "The mean of all of this user's texts; nothing was written on this item.") : point.text ? prose(point.text) : h("p", { class: "quiet" }, "This memory shows no words of others, only figures."),
    point.n_chars > point.text.length && point.text && h("p", { class: "quiet small" }, `The first ${count(point.text.length)} of ${count(point.n_chars)} characters.`),
  ];
}

function entry(point, state, read) {
  return h("button", { type: "button", class: "entry", "aria-pressed": String(point.n === state.chosen), data: { n: point.n }, onclick: () => { read(point); announce(`${named(point, state)} is shown.`); } },
    h("span", { class: `dot ink${point.group % 6}`, "aria-hidden": "true" }, point.mine ? "★" : point.number ? String(point.number) : "●"),
    h("span", {}, h("span", { class: point.mine || point.number ? "" : "unseen" }, `${named(point, state)}: `), h("bdi", {}, brief(point.title || point.text, 70) || "no words")),
    h("span", { class: "unseen" }, `, cluster ${point.group + 1}`),
  );
}

// Differences --------------------------------------------------------------------------------------------------------

function differences(user, item, asked, found, api) {
  const told = h("div", { "aria-live": "polite" });
  const ask = doing("Ask the LLM now", async () => {
    const now = await api.post("/v1/map/differences", { user_id: user, item_id: item, k: asked.k, selector: asked.selector });
    fill(told, h("h3", {}, `Asked just now, with K = ${asked.k}`), difference(now));
  }, { where: told });
  return h("section", { class: "card" },
    h("h2", {}, "What sets this user apart here"),
    found,
    !readsOnly() && [
      h("p", { class: "quiet" }, "Asking compares the user's text with those chosen on the map, by one call of the LLM. The profile stays as it is."),
      ask,
      told,
    ],
  );
}

function difference(one) {
  return h("div", {},
    h("dl", { class: "aspects" }, one.aspects.map((aspect) => [h("dt", {}, aspect.dimension || "In general"), h("dd", {}, prose(aspect.text))])),
    h("p", { class: "quiet small" }, `From ${count(one.n_peers)} others who could be compared with${one.stale ? "; it is being renewed" : ""}${one.prompt_tokens ? `; ${count(one.prompt_tokens + one.completion_tokens)} tokens` : ""}.`),
  );
}
