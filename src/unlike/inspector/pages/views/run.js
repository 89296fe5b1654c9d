// One run: the distribution of each metric over its cases, and all cases, page by page.

import { brief, choice, count, field, fill, fold, h, hashOf, notice, pager, seconds, table } from "../dom.js";
import { addressOf, askedFor, searchForm, sorting } from "../parts/list.js";
import { dots, valued } from "./charts.js";

const LIMIT = 25;
const DEFAULTS = { metric: "", sort: "", order: "down", search: "", status: "", offset: 0 };

export const title = ({ run }) => `Run ${brief(run, 80)}`;

export async function render(root, { run, query }, api) {
  const about = await api.get("/inspect/api/run", { run });
  const names = about.metrics.map((metric) => metric.name);
  const asked = askedFor(query, DEFAULTS);
  if (!names.includes(asked.metric)) asked.metric = names[0];
  const change = (changes) => (location.hash = addressOf(["runs", run], { ...asked, ...changes }, DEFAULTS));
  const plot = h("div", {}, h("p", { class: "quiet" }, "Measuring …"));
  const list = h("div", {}, h("p", { class: "quiet" }, "Reading …"));
  fill(root,
    factsOf(about),
    h("section", { class: "card", "aria-labelledby": "values" },
      h("h2", { id: "values" }, "Values over cases"),
      h("div", { class: "row" }, field("Metric", choice(about.metrics.map((one) => [one.name, one.label]), asked.metric, (metric) => change({ metric, offset: 0 })))),
      plot),
    h("section", { class: "card", "aria-labelledby": "cases" }, h("h2", { id: "cases" }, "Cases"), controls(asked, change), list));
  await Promise.all([showPlot(plot, run, asked, api), showCases(list, run, about, asked, change, api)]);
}

function factsOf({ name, facts, others, has_adapter: adapted }) {
  const fact = (label, value) => value !== undefined && value !== null && value !== "" && h("div", {}, h("dt", {}, label), h("dd", {}, value));
  return [
    h("dl", { class: "facts" },
      fact("Method", brief(facts.variant ?? facts.method, 60)),
      fact("LLM", brief(facts.llm, 60)),
      fact("Cases", `${count(facts.n_done ?? 0)} of ${count(facts.n_cases ?? 0)} done`),
      facts.n_failed > 0 && fact("Failed", h("a", { href: hashOf("runs", name, { status: "failed" }) }, count(facts.n_failed))),
      fact("Calls", `${count(facts.n_calls ?? 0)} made, ${count(facts.n_cached ?? 0)} from the journal`),
      fact("Tokens", count((facts.prompt_tokens ?? 0) + (facts.completion_tokens ?? 0))),
      fact("Seconds", seconds(facts.wall_s))),
    h("div", { class: "row middle" },
      others.length > 0 && compareForm(name, others),
      adapted && h("a", { class: "button", href: hashOf("latent", name) }, "What its vectors carry")),
    fold("Settings", () => h("pre", { tabindex: 0 }, JSON.stringify(facts, null, 1))),
  ];
}

function compareForm(name, others) {
  const other = choice(others.map((one) => [one, brief(one, 60)]), others[0]);
  const go = (event) => {
    event.preventDefault();
    location.hash = hashOf("compare", name, other.value);
  };
  return h("form", { class: "row", onsubmit: go }, field("Compare with", other), h("button", { type: "submit" }, "Compare"));
}

async function showPlot(place, run, asked, api) {
  try {
    const data = await api.get("/inspect/api/run/values", { run, metric: asked.metric });
    if (!data.n) return fill(place, notice("note", `No case has a value of ${data.label}.`));
    const to = (point) => hashOf("runs", run, "cases", point.id);
    const missing = data.n_missing ? ` ${count(data.n_missing)} have none.` : "";
    const thinned = data.points.length < data.n ? ` ${count(data.points.length)} of them are drawn.` : "";
    const caption = `${count(data.n)} cases: mean ${valued(data.mean, data.scale)}, median ${valued(data.median, data.scale)} (line), half of them between the dashed lines. Orange squares are outliers.${missing}${thinned} A click opens the case.`;
    fill(place, await dots({ data, to, caption }));
  } catch (error) {
    tell(place, error);
  }
}

async function showCases(place, run, about, asked, change, api) {
  const sort = asked.sort || asked.metric;
  try {
    const page = await api.get("/inspect/api/run/cases", { run, ...asked, sort, limit: LIMIT });
    const label = about.metrics.find((one) => one.name === asked.metric);
    fill(place, caseTable(page, run, label, { ...asked, sort }, change), pager({ ...page, limit: LIMIT, onPage: (offset) => change({ offset }) }));
  } catch (error) {
    tell(place, error);
    if (!asked.sort && error.name !== "AbortError") await showCases(place, run, about, { ...asked, metric: "", sort: "case_id", order: "up" }, change, api);
  }
}

function tell(place, error) {
  if (error.name === "AbortError") throw error;
  fill(place, notice("problem", error.message));
}

function caseTable(page, run, metric, asked, change) {
  const { column, onSort } = sorting(asked, change);
  return table({
    caption: "A case is a request: what would this user write about this item?", rows: page.rows, onSort, empty: "No case fits.",
    columns: [
      column("Case", "case_id", (row) => h("a", { href: hashOf("runs", run, "cases", row.case_id) }, brief(row.case_id, 60))),
      metric && column(metric.label, metric.name, (row) => valued(row.value, metric.scale), { figure: true }),
      column("User", "user_id", (row) => brief(row.user_id, 40)),
      { name: "Item", cell: (row) => h("bdi", {}, brief(row.item_title || row.item_id, 60)) },
      column("State", "status", (row) => (row.status === "failed" ? h("span", { class: "bad" }, "failed: ", brief(row.error, 90)) : "done")),
      column("Words", "n_words", (row) => (row.n_words === null ? "–" : count(row.n_words)), { figure: true }),
    ].filter(Boolean),
  });
}

function controls(asked, change) {
  const states = choice([["", "all"], ["done", "done"], ["failed", "failed"]], asked.status, (status) => change({ status, offset: 0 }));
  return searchForm("Case, user or item", asked.search, (search) => change({ search, offset: 0 }), field("State", states));
}
