// An experiment while it runs and when it is done: progress, the table, the plots of its report, failures, all runs.

import { announce, brief, choice, count, decimal, field, fill, fold, h, hashOf, notice, table } from "../dom.js";
import { costs, intervals, signed, strips, sweep, valued } from "./charts.js";

const EACH_MS = 2000;
const SETTINGS = { n_peers: "K (representatives)", n_records: "N (key records)" };

export const title = () => "Runs";

export async function render(root, _params, api) {
  const progress = h("div");
  const findings = h("div");
  const list = h("div");
  fill(root, progress, findings, list);
  let seen = "";
  let shown = "";
  let metric = "";

  async function look() {
    const news = await api.get("/inspect/api/runs", { seen });
    if (!news.changed) return;
    seen = news.stamp;
    fill(progress, progressOf(news));
    const now = JSON.stringify([news.has_findings, news.runs]);
    if (now === shown) return;
    const again = shown !== "";
    shown = now;
    fill(list, listOf(news));
    if (news.has_findings) await showFindings(news);
    else fill(findings, waiting(news));
    if (again) announce("The runs have changed.");
  }

  async function showFindings(news) {
    try {
      const found = await api.get("/inspect/api/findings");
      if (!found) return;
      metric = found.main.includes(metric) ? metric : found.main[0];
      await fillFindings(findings, found, news, metric, (chosen) => {
        metric = chosen;
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      fill(findings, notice("problem", error.message));
    }
  }

  await look();
  return every(look, api.signal);
}

// Ask again and again until the view is left; a server that is away is asked again later.
function every(look, signal) {
  let timer = setTimeout(again, EACH_MS);
  async function again() {
    if (!document.hidden) await look().catch((error) => signal.aborted || console.info(error.message));
    if (!signal.aborted) timer = setTimeout(again, EACH_MS);
  }
  return () => clearTimeout(timer);
}

function progressOf(news) {
  const { progress, calls } = news;
  const done = calls.reduce((sum, step) => sum + step.n_done, 0);
  const failed = calls.reduce((sum, step) => sum + step.n_failed, 0);
  if (!news.live && (news.runs.length || !calls.length)) return null;
  return h("section", { class: "card", "aria-labelledby": "progress" },
    h("h2", { id: "progress" }, news.live ? "Running" : "Stopped before its end"),
    progress && bar(progress),
    h("dl", { class: "facts" },
      progress && fact("Texts", `${count(progress.n_done)} of ${count(progress.n_cases)}`),
      progress && fact("Failed", count(progress.n_failed)),
      fact("LLM calls", count(done)),
      failed > 0 && fact("Calls failed", count(failed)),
      fact("Tokens", count(calls.reduce((sum, step) => sum + (step.tokens ?? 0), 0)))),
    calls.length > 0 && fold("Calls by step", () => table({
      caption: "Calls in the journal", rows: calls,
      columns: [
        { name: "Step", cell: (step) => step.step },
        { name: "Done", figure: true, cell: (step) => count(step.n_done) },
        { name: "Failed", figure: true, cell: (step) => count(step.n_failed) },
        { name: "Tokens", figure: true, cell: (step) => count(step.tokens ?? 0) },
      ],
    })),
    !news.live && h("p", { class: "quiet" }, "What was answered is kept: the same command goes on where it was."));
}

function bar(progress) {
  const all = h("progress", { max: progress.n_cases, value: progress.n_done + progress.n_failed, "aria-label": "Texts done" });
  return h("p", {}, all);
}

function fact(name, ...value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

function waiting(news) {
  if (!news.runs.length && news.calls.length) return notice("note", "No run is finished yet; the table comes when they are.");
  if (news.runs.length < 2) return null;
  return notice("note", "There is no report of these runs yet. ", h("code", {}, "unlike report FOLDER --out FOLDER/report.html"), " makes one, and then its tables and plots stand here.");
}

// The findings -------------------------------------------------------------------------------------------------------

async function fillFindings(place, found, news, metric, onMetric) {
  const of = new Map(found.metrics.map(([name, label, scale]) => [name, { name, label, scale }]));
  const plots = h("div");
  const runsOf = (variant) => news.runs.filter((run) => !run.damage && (run.variant ?? run.method) === variant);
  const draw = (name) => fillPlots(plots, found, of.get(name), runsOf);
  const pick = choice(found.main.map((name) => [name, of.get(name)?.label ?? name]), metric, (name) => {
    onMetric(name);
    draw(name);
  });
  fill(place,
    h("section", { class: "card", "aria-labelledby": "results" },
      h("h2", { id: "results" }, found.title || "Results"),
      found.notes.map((note) => notice("warning", note)),
      mainTable(found, of, runsOf),
      fold("Sanity columns, tests and cost", () => [sanityTable(found, of), testTable(found, of), costTable(found)])),
    h("section", { class: "card", "aria-labelledby": "plots" },
      h("h2", { id: "plots" }, "Plots"),
      h("div", { class: "row" }, field("Metric", pick)),
      plots,
      found.gains?.length > 0 && h("a", { class: "button", href: hashOf("gains") }, "All users by what they gain")),
    found.failures.length > 0 && failures(found, runsOf),
    found.group_gains?.length > 0 && groups(found, of),
    h("section", { class: "card", "aria-labelledby": "again" },
      h("h2", { id: "again" }, "To repeat it"),
      h("dl", { class: "about" }, Object.entries(found.facts).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))));
  await draw(metric);
}

function named(variant, runsOf) {
  const runs = runsOf(variant.name);
  return runs.length === 1 ? h("a", { href: hashOf("runs", runs[0].name) }, brief(variant.name, 60)) : brief(variant.name, 60);
}

function mainTable(found, of, runsOf) {
  return table({
    caption: "Mean over cases, with the 95 % interval over users. Best bold, second underlined.",
    rows: found.variants,
    columns: [
      { name: "Variant", cell: (variant) => [named(variant, runsOf), variant.is_baseline && [" ", h("span", { class: "badge" }, "baseline")]] },
      ...found.main.map((name) => ({ name: of.get(name).label, figure: true, cell: (variant) => cellOf(variant.cells[name], of.get(name).scale) })),
      { name: "Calls", figure: true, cell: (variant) => decimal(variant.cost.calls, 1) },
      { name: "Tokens", figure: true, cell: (variant) => count(Math.round(variant.cost.prompt_tokens + variant.cost.completion_tokens)) },
      { name: "Failed", figure: true, cell: (variant) => count(Math.max(...found.main.map((name) => variant.cells[name]?.n_failed ?? 0))) },
    ],
  });
}

function cellOf(cell, scale) {
  if (!cell || cell.mean === null) return h("span", { title: cell?.note }, "–");
  const value = valued(cell.mean, scale);
  const best = cell.rank === 1 ? h("strong", {}, value) : cell.rank === 2 ? h("span", { class: "second" }, value) : value;
  return [best, cell.low !== null && h("span", { class: "range" }, `${valued(cell.low, scale)} to ${valued(cell.high, scale)}`)];
}

function sanityTable(found, of) {
  const names = found.metrics.map(([name]) => name).filter((name) => !found.main.includes(name));
  if (!names.length) return null;
  return table({
    caption: "Sanity columns: of these more is not better.", rows: found.variants,
    columns: [
      { name: "Variant", cell: (variant) => brief(variant.name, 60) },
      ...names.map((name) => ({ name: of.get(name).label, figure: true, cell: (variant) => valued(variant.cells[name]?.mean ?? null, of.get(name).scale) })),
    ],
  });
}

function testTable(found, of) {
  if (!found.tests?.length) return null;
  return table({
    caption: "Paired tests against the best baseline of each metric; p after Holm's correction.", rows: found.tests,
    columns: [
      { name: "Variant", cell: (test) => brief(test.variant, 60) },
      { name: "Against", cell: (test) => brief(test.baseline, 40) },
      { name: "Metric", cell: (test) => of.get(test.metric)?.label ?? test.metric },
      { name: "Over", cell: (test) => `${test.n} ${test.unit}` },
      { name: "Difference", figure: true, cell: (test) => signed(test.difference, of.get(test.metric)?.scale) },
      { name: "p (t)", figure: true, cell: (test) => decimal(test.p_t, 3) },
      { name: "p (Wilcoxon)", figure: true, cell: (test) => decimal(test.p_wilcoxon, 3) },
      { name: "p (permutation)", figure: true, cell: (test) => decimal(test.p_permutation, 3) },
      { name: "p (Holm)", figure: true, cell: (test) => decimal(test.p_holm, 3) },
    ],
  });
}

function costTable(found) {
  return table({
    caption: "What a case costs.", rows: found.variants,
    columns: [
      { name: "Variant", cell: (variant) => brief(variant.name, 60) },
      { name: "Calls", figure: true, cell: ({ cost }) => decimal(cost.calls, 1) },
      { name: "Prompt tokens", figure: true, cell: ({ cost }) => count(Math.round(cost.prompt_tokens)) },
      { name: "Answer tokens", figure: true, cell: ({ cost }) => count(Math.round(cost.completion_tokens)) },
      { name: "Seconds of the LLM", figure: true, cell: ({ cost }) => decimal(cost.llm_s, 1) },
      { name: "Money", figure: true, cell: ({ cost }) => (cost.money === null ? "–" : decimal(cost.money, 4)) },
    ],
  });
}

async function fillPlots(place, found, { name, label, scale }, runsOf) {
  const values = found.variants.map((variant) => ({
    ...variant.cells[name], name: variant.name, plain: variant.is_baseline,
    tokens: variant.cost.prompt_tokens + variant.cost.completion_tokens,
  }));
  const gains = found.gains.filter((one) => one.metric === name);
  const halves = found.halves.filter((half) => half.metric === name)
    .map((half) => ({ name: `${half.variant}, ${half.half}`, mean: half.gain, low: half.low, high: half.high, zero: true, plain: half.half !== "unique", more: `\n${half.n_users} users` }));
  const toRun = (row) => (runsOf(row.name).length ? hashOf("runs", runsOf(row.name)[0].name, { metric: name }) : location.hash);
  const toUser = (one) => (runsOf(one.variant).length ? hashOf("runs", runsOf(one.variant)[0].name, { metric: name, search: one.user_id }) : location.hash);
  const drawn = await Promise.all([
    shown("Values with their intervals", intervals({ rows: values, label, scale, to: toRun, caption: "Mean and 95 % interval over users. Squares are baselines; a click opens the run." })),
    ...found.curves.filter((curve) => curve.metric === name).map((curve) => shown(`Over ${SETTINGS[curve.setting] ?? curve.setting}`, sweep({ curve, label, scale, setting: SETTINGS[curve.setting] ?? curve.setting }))),
    halves.length > 0 && shown("Unique users and the others", intervals({ rows: halves, label: `Gain in ${label}`, scale, caption: "Gain over Non-Perso in the two halves of the users by uniqueness; squares are the less unique ones." })),
    gains.length > 0 && shown("Gain of each user over Non-Perso", strips({ gains, label, scale, to: toUser, caption: "A dot a user; orange squares lose. A click lists the user's cases." })),
    shown("Quality against tokens", costs({ rows: values, label, scale })),
  ]);
  fill(place, h("div", { class: "columns" }, drawn.filter(Boolean)));
}

async function shown(heading, drawing) {
  const drawn = await drawing;
  return drawn && h("div", {}, h("h3", {}, heading), drawn);
}

function failures(found, runsOf) {
  return h("section", { class: "card", "aria-labelledby": "failures" },
    h("h2", { id: "failures" }, `Failures (${count(found.failures.length)})`),
    table({
      caption: "Cases without a text: counted, never scored.", rows: found.failures.slice(0, 200),
      columns: [
        { name: "Case", cell: (failure) => {
          const runs = runsOf(failure.variant);
          return runs.length ? h("a", { href: hashOf("runs", runs[0].name, "cases", failure.case_id) }, brief(failure.case_id, 60)) : brief(failure.case_id, 60);
        } },
        { name: "Variant", cell: (failure) => brief(failure.variant, 40) },
        { name: "Reason", cell: (failure) => h("bdi", {}, brief(failure.reason, 200)) },
      ],
    }),
    found.failures.length > 200 && h("p", { class: "quiet" }, "The first 200 are shown; each run lists its own."));
}

function groups(found, of) {
  return h("section", { class: "card", "aria-labelledby": "groups" },
    h("h2", { id: "groups" }, "Whom does it serve worse?"),
    table({
      caption: "Gain over Non-Perso by what is known of the users.", rows: found.group_gains.slice(0, 200),
      columns: [
        { name: "Users", cell: (one) => [h("bdi", {}, `${one.attribute}: ${one.group}`), one.is_worst && [" ", h("span", { class: "badge strong" }, "gains least")]] },
        { name: "Variant", cell: (one) => brief(one.variant, 40) },
        { name: "Metric", cell: (one) => of.get(one.metric)?.label ?? one.metric },
        { name: "n", figure: true, cell: (one) => count(one.n_users) },
        { name: "Gain", figure: true, cell: (one) => signed(one.gain, of.get(one.metric)?.scale) },
        { name: "Less all others", figure: true, cell: (one) => signed(one.difference, of.get(one.metric)?.scale) },
        { name: "p (Holm)", figure: true, cell: (one) => decimal(one.p_holm, 3) },
      ],
    }));
}

// The list of runs ---------------------------------------------------------------------------------------------------

function listOf(news) {
  const good = news.runs.filter((run) => !run.damage);
  return h("section", { class: "card", "aria-labelledby": "runs" },
    h("h2", { id: "runs" }, news.runs.length === 1 ? "The run" : `Runs (${count(news.runs.length)})`),
    table({
      caption: `In ${brief(news.name, 60)}`, rows: news.runs, empty: "No run is finished yet.",
      columns: [
        { name: "Run", cell: (run) => (run.damage ? brief(run.name, 60) : h("a", { href: hashOf("runs", run.name) }, brief(run.name, 60))) },
        { name: "Method", cell: (run) => (run.damage ? notice("problem", run.damage) : brief(run.method, 40)) },
        { name: "LLM", cell: (run) => h("span", { class: "small" }, brief(run.llm ?? "", 40)) },
        { name: "Cases", figure: true, cell: (run) => (run.damage ? "–" : count(run.n_cases ?? 0)) },
        { name: "Failed", figure: true, cell: (run) => (run.damage ? "–" : run.n_failed ? h("a", { href: hashOf("runs", run.name, { status: "failed" }) }, count(run.n_failed)) : "0") },
        { name: "Tokens", figure: true, cell: (run) => (run.damage ? "–" : count((run.prompt_tokens ?? 0) + (run.completion_tokens ?? 0))) },
        { name: "Seconds", figure: true, cell: (run) => decimal(run.wall_s, 0) },
      ],
    }),
    good.length > 1 && comparing(good));
}

function comparing(runs) {
  const names = runs.map((run) => [run.name, brief(run.name, 60)]);
  const left = choice(names, (runs.find((run) => run.method === "non_perso") ?? runs[0]).name);
  const right = choice(names, (runs.find((run) => run.method === "dpl" && !Object.keys(run.apart ?? {}).length) ?? runs.at(-1)).name);
  const go = (event) => {
    event.preventDefault();
    location.hash = hashOf("compare", left.value, right.value);
  };
  return h("form", { class: "row", onsubmit: go }, field("Compare", left), field("with", right), h("button", { type: "submit" }, "Compare case by case"));
}
