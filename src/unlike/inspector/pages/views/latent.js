// Explanations of a trained adapter: its units with their top records, and what each part contributed to the text of a case.

import { brief, choice, count, decimal, doing, field, fill, fold, h, hashOf, notice, pager, prose, table } from "../dom.js";
import { nOf, recordCard } from "./record.js";

const LIMIT = 6;
const TEXT_CHARS = 140;
const SORTS = [["contrast", "peak minus mean"], ["peak", "peak"], ["usual", "mean"], ["unit", "number"]];
const SIGNALS = { his: "its vector", diff: "its difference" };

export function title({ rest }) {
  if (rest.length > 1) return `What contributed to case ${brief(rest[1], 60)}`;
  return rest.length ? `Latent units of ${brief(rest[0], 60)}` : "Latent";
}

export async function render(root, { rest, query }, api) {
  const about = await api.get("/inspect/api/latent");
  if (!rest.length) return fill(root, listOf(about));
  const run = about.runs.find((one) => one.name === rest[0]);
  if (!run) return fill(root, notice("note", about.why_none || "This run used no adapter."));
  if (run.why_not) return fill(root, notice("note", run.why_not));
  if (rest.length > 1) return explained(root, run.name, rest[1], query, api);
  return units(root, run.name, query, api);
}

function listOf(about) {
  if (about.why_none) return notice("note", about.why_none);
  return h("section", { class: "card", "aria-labelledby": "adapted" },
    h("h2", { id: "adapted" }, "Runs with an adapter"),
    table({
      caption: "Their vectors can be looked into.", rows: about.runs,
      columns: [
        { name: "Run", cell: (run) => (run.why_not ? brief(run.name, 60) : h("a", { href: hashOf("latent", run.name) }, brief(run.name, 60))) },
        { name: "Method", cell: (run) => run.method },
        { name: "", cell: (run) => run.why_not },
      ],
    }));
}

// Units --------------------------------------------------------------------------------------------------------------

async function units(root, run, query, api) {
  const asked = { sort: query.get("sort") ?? "contrast", offset: Number(query.get("offset") ?? 0) || 0 };
  const change = (changes) => (location.hash = hashOf("latent", run, { ...asked, ...changes }));
  const place = h("div", {}, h("p", { class: "quiet" }, "Encoding all records of the corpus; the first time this takes a while …"));
  const cases = h("div");
  fill(root,
    h("p", { class: "quiet" }, "A unit of the autoencoder is more or less active for each record. One that is very active for a few records and hardly ever else says something about them."),
    cases,
    h("div", { class: "row" }, field("Sort by", choice(SORTS, asked.sort, (sort) => change({ sort, offset: 0 })))),
    place);
  await Promise.all([showCases(cases, run, api), showUnits(place, run, asked, change, api)]);
}

async function showCases(place, run, api) {
  const page = await api.get("/inspect/api/run/cases", { run, status: "done", limit: 100 });
  const pick = choice(page.rows.map((row) => [row.case_id, `${brief(row.user_id, 30)} on ${brief(row.item_title, 50)}`]), page.rows[0]?.case_id);
  const go = (event) => {
    event.preventDefault();
    location.hash = hashOf("latent", run, pick.value);
  };
  if (page.rows.length) fill(place, h("form", { class: "row", onsubmit: go }, field("A case", pick), h("button", { type: "submit" }, "What contributed to its text?")));
}

async function showUnits(place, run, asked, change, api) {
  try {
    const page = await api.get("/inspect/api/latent/units", { run, ...asked, order: asked.sort === "unit" ? "up" : "down", limit: LIMIT });
    fill(place, page.rows.map((unit) => unitCard(unit, page.records)), pager({ ...page, limit: LIMIT, onPage: (offset) => change({ offset }) }));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    fill(place, notice("problem", error.message));
  }
}

function unitCard(unit, records) {
  return h("section", { class: "card" },
    h("h2", {}, `Unit ${count(unit.unit)}`),
    h("p", { class: "quiet" }, `peak ${decimal(unit.peak, 2)}, mean ${decimal(unit.usual, 2)}`),
    h("ol", { class: "plain" }, unit.top.map((top) => h("li", { class: "row middle tight" }, meter(top.activation, unit.peak), h("bdi", {}, line(records[top.record_id]))))),
    fold("The whole records", () => unit.top.map((top) => recordCard(top.record_id, records))));
}

const line = (record) => (record ? brief([record.item_title, record.title, record.text].filter(Boolean).join(" · "), TEXT_CHARS) : "the text is not at hand");

function meter(value, most) {
  const bar = h("meter", { min: 0, max: Math.max(most, 1e-9), value: Math.max(0, value), "aria-label": "activation" });
  return h("p", { class: "small quiet" }, bar, ` ${decimal(value, 2)}`);
}

// A case -------------------------------------------------------------------------------------------------------------

async function explained(root, run, id, query, api) {
  const real = query.get("text") === "real";
  const place = h("div");
  const ask = doing("Work it out", () => showExplained(place, { run, case: id, real }, api), { where: place, kind: "main" });
  fill(root,
    h("p", {}, h("a", { href: hashOf("runs", run, "cases", id) }, "The case"), " · ", h("a", { href: hashOf("latent", run) }, "All units")),
    h("p", { class: "quiet" }, "Each vector in turn is replaced by the mean of the others, each unit is set to 0, and the text is scored again. The change is the loss of log-probability per token: above 0 the part made the text more likely, below 0 less likely. This loads the frozen LLM."),
    h("div", { class: "row" },
      field("Text", choice([["", "generated"], ["real", "really written"]], real ? "real" : "", (text) => (location.hash = hashOf("latent", run, id, { text })))), ask),
    place);
}

async function showExplained(place, ids, api) {
  fill(place, h("p", { class: "quiet", role: "status" }, "Scoring the text with each part left out; on a small machine this takes a minute …"));
  const found = await api.get("/inspect/api/latent/case", ids);
  const largest = Math.max(...found.vectors.filter((one) => one.record_id).map((one) => Math.abs(one.change)), 1e-9);
  const largestUnit = Math.max(...found.units.map((one) => Math.abs(one.change)), 1e-9);
  const name = (share) => {
    if (!share.record_id) return h("strong", {}, "all together");
    const record = found.records[share.record_id];
    return h("bdi", {}, brief(record ? record.title || record.text : share.record_id, 70));
  };
  fill(place,
    h("section", { class: "card", "aria-labelledby": "text" }, h("h2", { id: "text" }, "The text"), prose(found.text), h("p", { class: "quiet" }, `${nOf(found.n_tokens, "token")}, mean log-probability ${decimal(found.loglik, 4)}`)),
    h("section", { class: "card", "aria-labelledby": "parts" }, h("h2", { id: "parts" }, "Records and differences"), table({
      caption: "What each vector contributed", rows: found.vectors,
      columns: [
        { name: "Record", cell: name },
        { name: "Part", cell: (share) => SIGNALS[share.signal] ?? share.signal },
        { name: "Change per token", figure: true, cell: (share) => change(share.change, largest) },
      ],
    })),
    found.units.length > 0 && h("section", { class: "card", "aria-labelledby": "units" }, h("h2", { id: "units" }, "Units"), table({
      caption: "The most active units of the case", rows: found.units,
      columns: [
        { name: "Unit", cell: (share) => count(share.unit) },
        { name: "Activation", figure: true, cell: (share) => decimal(share.activation, 2) },
        { name: "Change per token", figure: true, cell: (share) => change(share.change, largestUnit) },
      ],
    })));
}

function change(value, largest) {
  const bar = h("meter", { class: value < 0 ? "against" : "", min: 0, max: largest, value: Math.min(Math.abs(value), largest), "aria-hidden": "true" });
  return [bar, ` ${value > 0 ? "+" : ""}${decimal(value, 4)}`];
}
