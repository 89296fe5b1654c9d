// An experiment while it runs and when it is done: progress, the report, all runs.

import { announce, brief, choice, count, field, fill, fold, h, hashOf, notice, seconds, table } from "../dom.js";

const EACH_MS = 2000;

export const title = () => "Runs";

export async function render(root, _params, api) {
  const progress = h("div");
  const findings = h("div");
  const list = h("div");
  fill(root, progress, list, findings);
  let seen = "";
  let shown = "";

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
      const found = await api.get("/inspect/api/report");
      if (found) fill(findings, reportOf(found, news));
    } catch (error) {
      if (error.name === "AbortError") throw error;
      fill(findings, notice("problem", error.message));
    }
  }

  await look();
  return every(look, api.signal);
}

// Poll until the view is left; retry later if the server does not answer.
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
  return notice("note", "There is no report of these runs yet. ", h("code", {}, "unlike report FOLDER --out FOLDER/report.html"), " makes one, and then its tables and pictures stand here.");
}

// The report in a shadow tree with its own style sheet. The server has escaped all text in it.
function reportOf(found, news) {
  const place = h("div");
  const tree = place.attachShadow({ mode: "open" });
  const made = new DOMParser().parseFromString(found.html, "text/html");
  tree.append(h("link", { rel: "stylesheet", href: "pages/report.css" }), ...made.body.childNodes);
  return h("section", { class: "card", "aria-labelledby": "report" },
    h("h2", { id: "report" }, h("bdi", {}, found.title || brief(news.name, 60))),
    h("p", { class: "answer", dir: "auto" }, found.answer),
    found.has_gains && h("p", {}, h("a", { class: "button", href: hashOf("gains") }, "All users by what they gain")),
    place);
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
        { name: "Seconds", figure: true, cell: (run) => seconds(run.wall_s) },
      ],
    }),
    good.length > 1 && comparing(good));
}

function comparing(runs) {
  const names = runs.map((run) => [run.name, brief(run.name, 60)]);
  const first = runs.find((run) => run.method === "non_perso") ?? runs.find((run) => run.method === "rag") ?? runs[0];
  const others = runs.filter((run) => run !== first);
  const second = others.find((run) => run.method === "dpl" && !Object.keys(run.apart ?? {}).length) ?? others.at(-1);
  const left = choice(names, first.name), right = choice(names, second.name);
  const go = (event) => {
    event.preventDefault();
    location.hash = hashOf("compare", left.value, right.value);
  };
  return h("form", { class: "row", onsubmit: go }, field("Compare", left), field("with", right), h("button", { type: "submit" }, "Compare case by case"));
}
