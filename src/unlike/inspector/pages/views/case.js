// One case of a run: the request, what the method read, found and wrote, beside the real text.

import { brief, count, day, decimal, entitle, fill, fold, h, hashOf, notice, prose, table } from "../dom.js";
import { messageList } from "../parts/prompts.js";
import { valued } from "./charts.js";
import { generated, nOf, recordCard, stars } from "./record.js";

export const title = (params) => `Case ${brief(params.case, 80)}`;

export async function render(root, params, api) {
  const ids = { run: params.run, case: params.case };
  const told = await api.get("/inspect/api/case", ids);
  const values = h("div");
  entitle(`Case ${brief(params.case, 40)}: ${brief(told.case.user_id, 40)} on ${brief(told.item?.title || told.case.item_id, 60)}`);
  fill(root,
    around(told, params),
    told.corpus_missing && notice("warning", told.corpus_missing),
    request(told),
    texts(told, values),
    told.more.soft && h("p", {}, h("a", { class: "button", href: hashOf("latent", params.run, params.case) }, "What its vectors contributed")),
    thoughts(told),
    pastRecords(told),
    calls(told, () => prompts(ids, api)),
    Object.keys(told.more).length > 0 && fold("The rest of the trace", () => h("pre", { tabindex: 0 }, JSON.stringify(told.more, null, 1).slice(0, 100_000))));
  showValues(values, ids, api); // some metrics take long to load; the texts can be read meanwhile
}

function around(told, { run }) {
  const step = (id, words) => (id === null ? h("span", { class: "quiet" }, words) : h("a", { href: hashOf("runs", run, "cases", id) }, words));
  return [
    h("nav", { class: "row middle", "aria-label": "Cases of the run" },
      h("span", {}, "Run ", h("a", { href: hashOf("runs", run) }, brief(run, 60))), step(told.before, "Previous case"), step(told.after, "Next case")),
    told.beside.length > 0 && h("nav", { class: "row middle small", "aria-label": "The same case in other runs" }, h("span", { class: "quiet" }, "The same case in"),
      told.beside.slice(0, 12).map((other) => h("a", { href: hashOf("runs", other, "cases", told.case.id) }, brief(other, 40)))),
  ];
}

function request({ case: asked, item, method, corpus_missing: missing }) {
  const link = (what, id, words) => (missing ? words : h("a", { href: hashOf("corpus", { [what]: id }) }, words));
  return h("section", { class: "card", "aria-labelledby": "asked" },
    h("h2", { id: "asked" }, "Asked for"),
    h("p", {}, "What would ", h("strong", {}, h("bdi", {}, link("user", asked.user_id, brief(asked.user_id, 60)))), " write about ",
      h("strong", {}, h("bdi", {}, link("item", asked.item_id, brief(item?.title || asked.item_id, 120)))), "?"),
    h("p", { class: "quiet" }, stars(asked.rating), asked.title && ["title “", h("bdi", {}, brief(asked.title, 200)), "” · "], asked.timestamp !== undefined && `${day(asked.timestamp)} · `, `method ${method}`),
    item?.description && fold("Description of the item", () => prose(item.description, { label: "description" })));
}

function texts(told, values) {
  const shared = told.text?.some(([, same]) => same);
  return h("section", { class: "card", "aria-labelledby": "texts" },
    h("h2", { id: "texts" }, "The texts"),
    told.status === "failed" && notice("problem", h("strong", {}, "Failed. "), prose(told.error, { label: "reason" })),
    h("div", { class: "columns" },
      told.text && h("div", {}, h("h3", {}, "Generated"), generated(told.text)),
      told.reference !== null && h("div", {}, h("h3", {}, "Really written"), prose(told.reference))),
    shared && h("p", { class: "quiet small" }, h("mark", {}, "Marked"), " words are in the real text as well; those that every text has are not marked."),
    values);
}

async function showValues(place, ids, api) {
  fill(place, h("p", { class: "quiet" }, "Measuring …"));
  try {
    const found = await api.get("/inspect/api/case/values", ids);
    const known = found.filter((one) => one.value !== null);
    const lacking = found.filter((one) => one.note);
    fill(place,
      known.length > 0 && h("dl", { class: "facts below" }, known.map((one) =>
        h("div", {}, h("dt", {}, one.label), h("dd", {}, h("a", { href: hashOf("runs", ids.run, { metric: one.name }) }, valued(one.value, one.scale)))))),
      lacking.map((one) => h("p", { class: "quiet small" }, `${one.label}: ${one.note}`)));
  } catch (error) {
    if (error.name !== "AbortError") fill(place, notice("problem", error.message));
  }
}

function thoughts(told) {
  const { differences, profile, choice, earlier_profiles: earlier } = told;
  return [
    profile && h("section", { class: "card", "aria-labelledby": "profile" },
      h("h2", { id: "profile" }, "Profile"),
      prose(profile, { label: "profile" }),
      earlier.length > 0 && fold(`${nOf(earlier.length, "profile")} before it`, () => earlier.map((text) => h("div", { class: "record" }, prose(text, { label: "profile" }))))),
    (differences.length > 0 || choice?.n_not_compared > 0) && h("section", { class: "card", "aria-labelledby": "differences" },
      h("h2", { id: "differences" }, `Differences (${differences.length})`),
      h("p", { class: "quiet" }, "On each key record the user is compared with representatives of the others who wrote about the same item."),
      differences.map((one, i) => difference(one, i, told.records, choice?.compared[one.record])),
      choice?.n_not_compared > 0 && h("p", { class: "quiet small" }, `Not compared: ${nOf(choice.n_not_compared, "own record")} (${choice.reasons.map(([reason, n]) => `${reason}: ${count(n)}`).join(", ")})`)),
  ];
}

function difference(one, i, records, why) {
  const heading = `${i + 1}. ${brief(one.item_title, 100)}`;
  return h("article", { class: "difference" },
    h("h3", {}, h("bdi", {}, heading)),
    h("dl", { class: "dimensions" }, one.parts.map(([name, text]) => [h("dt", {}, name || "found"), h("dd", {}, prose(text, { label: "difference" }))])),
    fold(`The user's record and ${nOf(one.representatives.length, "representative")} of ${nOf(one.n_peers ?? 0, "other")}`, () =>
      h("div", { class: "columns" }, recordCard(one.record, records, { who: "The user", why }), one.representatives.map((id) => recordCard(id, records)))));
}

function pastRecords({ past, records, choice, history_records: n }) {
  if (!past.length) return n === 0 ? notice("note", "The user had no records before this request.") : null;
  return h("section", { class: "card", "aria-labelledby": "past" },
    h("h2", { id: "past" }, `Own records shown (${count(past.length)} of ${count(n ?? past.length)})`),
    choice?.query && h("p", { class: "quiet small" }, `By ${choice.retriever}, for the query “`, h("bdi", {}, brief(choice.query, 300)), "”"),
    fold("Read them", () => past.map((id) => recordCard(id, records, { why: choice?.shown[id] }))));
}

function calls({ calls: made, time_rule: rule }, load) {
  const sum = (name) => made.reduce((all, call) => all + (call[name] ?? 0), 0);
  const rewritten = sum("rewrites"); // an entry has the cost of its rewrites too
  const left = made.flatMap((call) => (call.left_out ?? []).map((note) => `${call.step}: ${note}`));
  return h("section", { class: "card", "aria-labelledby": "calls" },
    h("h2", { id: "calls" }, "LLM calls"),
    h("p", {}, made.length ? `${nOf(made.length + rewritten, "call")}${rewritten ? ` (${nOf(rewritten, "rewrite")} included)` : ""}, ${count(sum("prompt_tokens"))} + ${count(sum("completion_tokens"))} tokens, ${decimal(sum("wall_s"), 1)} s of the LLM` : "The trace holds no call.", rule && `; time rule ${rule}`),
    left.length > 0 && notice("note", "Left out of prompts, for they did not fit: ", h("ul", {}, left.slice(0, 50).map((note) => h("li", {}, h("bdi", {}, note))))),
    made.length > 0 && fold("Each call", () => callTable(made)),
    fold("Exact prompts", load));
}

function callTable(made) {
  return table({
    caption: "In the order of the trace", rows: made,
    columns: [
      { name: "Step", cell: (call) => brief(call.step, 40) },
      ...(made.some((call) => call.rewrites) ? [{ name: "Rewrites", figure: true, cell: (call) => count(call.rewrites ?? 0) }] : []),
      { name: "Prompt tokens", figure: true, cell: (call) => count(call.prompt_tokens ?? 0) },
      { name: "Answer tokens", figure: true, cell: (call) => count(call.completion_tokens ?? 0) },
      { name: "Seconds", figure: true, cell: (call) => decimal(call.wall_s, 2) },
      { name: "Ended by", cell: (call) => brief(call.finish_reason ?? "", 20) },
    ],
  });
}

// Made when the fold is opened: the server walks the case again and checks each prompt against the journal.
function prompts(ids, api) {
  const place = h("div", { "aria-live": "polite" }, h("p", { class: "quiet" }, "Reading the prompts …"));
  api.get("/inspect/api/case/prompts", ids).then(
    (found) => fill(place,
      found.note && notice("warning", found.note),
      !found.calls.length && !found.note && h("p", { class: "quiet" }, "No call was made for this case."),
      found.calls.length > 0 && h("p", { class: "quiet small" }, "Each is the prompt that was sent: its hash is in the journal."),
      found.calls.map(prompt)),
    (error) => error.name !== "AbortError" && fill(place, notice("problem", error.message)),
  );
  return place;
}

function prompt(call, i) {
  const tokens = call.error ? "failed" : `${count(call.prompt_tokens)} + ${count(call.completion_tokens)} tokens`;
  return fold(`${i + 1}. ${call.step} (${tokens})`, () => [
    messageList(call.messages),
    h("h3", {}, call.error ? "failed" : "answer"),
    h("pre", { class: "prompt", dir: "auto", tabindex: 0 }, call.error || call.answer),
  ]);
}
