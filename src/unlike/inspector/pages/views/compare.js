// Two runs case by case: largest gains and losses, and both texts beside the real one.

import { announce, brief, choice, count, field, fill, h, hashOf, notice, prose, table } from "../dom.js";
import { pairs, signed, valued } from "./charts.js";
import { generated } from "./record.js";

export const title = ({ left, right }) => `${brief(left, 50)} against ${brief(right, 50)}`;

export async function render(root, { left, right, query }, api) {
  const about = await api.get("/inspect/api/run", { run: left });
  const names = about.metrics.map((one) => one.name);
  const metric = names.includes(query.get("metric")) ? query.get("metric") : names[0];
  const to = (point) => hashOf("compare", left, right, { metric, case: point.id });
  const change = (changes) => (location.hash = hashOf("compare", left, right, { metric, case: query.get("case"), ...changes }));
  const result = h("div", {}, h("p", { class: "quiet" }, "Measuring …"));
  const texts = h("div", { id: "texts" });
  fill(root,
    h("nav", { class: "row middle", "aria-label": "Runs" },
      h("a", { href: hashOf("runs", left) }, brief(left, 60)), h("a", { href: hashOf("runs", right) }, brief(right, 60)), h("a", { href: hashOf("compare", right, left, { metric }) }, "The other way round")),
    h("div", { class: "row" }, field("Metric", choice(about.metrics.map((one) => [one.name, one.label]), metric, (chosen) => change({ metric: chosen })))),
    texts, result);
  await Promise.all([showAll(result, { left, right, metric, to }, api), query.get("case") && showTexts(texts, { left, right, id: query.get("case") }, api)]);
}

async function showAll(place, { left, right, metric, to }, api) {
  try {
    const data = await api.get("/inspect/api/compare", { left, right, metric });
    if (!data.n) return fill(place, notice("note", "No case has a value in both runs."));
    const fact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
    const caption = `Above the line ${brief(right, 30)} is better. A click shows the texts.`;
    fill(place,
      h("dl", { class: "facts" },
        fact("Cases in both", count(data.n)),
        fact(`Mean of ${brief(left, 30)}`, valued(data.left.mean, data.scale)),
        fact(`Mean of ${brief(right, 30)}`, valued(data.right.mean, data.scale)),
        fact("Mean gain", signed(data.gain.mean, data.scale)),
        data.n_one_only > 0 && fact("In one run only", count(data.n_one_only))),
      h("div", { class: "columns beside" },
        h("section", { class: "card", "aria-labelledby": "scatter" }, h("h2", { id: "scatter" }, `${data.label}, case by case`), await pairs({ data, left, right, to, caption })),
        h("section", { class: "card", "aria-labelledby": "extremes" }, h("h2", { id: "extremes" }, "Largest differences"),
          extremes("Largest gains", data.gains, data.scale, to), extremes("Largest losses", data.losses, data.scale, to))));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    fill(place, notice("problem", error.message));
  }
}

function extremes(heading, rows, scale, to) {
  return table({
    caption: heading, rows, empty: "None.",
    columns: [
      { name: "Case", cell: ([id]) => h("a", { href: to({ id }) }, brief(id, 40)) },
      { name: "Left", figure: true, cell: ([, , a]) => valued(a, scale) },
      { name: "Right", figure: true, cell: ([, , , b]) => valued(b, scale) },
      { name: "Gain", figure: true, cell: ([, , a, b]) => signed(b - a, scale) },
    ],
  });
}

async function showTexts(place, { left, right, id }, api) {
  const sides = await Promise.all([left, right].map((run) => api.get("/inspect/api/case", { run, case: id }).catch((error) => {
    if (error.name === "AbortError") throw error;
    return { failure: error.message };
  })));
  const reference = sides.find((side) => typeof side.reference === "string")?.reference;
  const side = (told, run) => h("div", {},
    h("h3", {}, h("a", { href: hashOf("runs", run, "cases", id) }, brief(run, 60))),
    told.failure ? notice("problem", told.failure) : told.text ? generated(told.text) : notice("problem", "Failed. ", prose(told.error, { label: "reason" })));
  fill(place, h("section", { class: "card", "aria-labelledby": "beside" },
    h("h2", { id: "beside", tabindex: -1 }, `Case ${brief(id, 60)}`),
    h("div", { class: "columns three" }, side(sides[0], left), side(sides[1], right),
      reference !== undefined && h("div", {}, h("h3", {}, "Really written"), prose(reference)))));
  announce(`The texts of case ${brief(id, 60)} are shown.`);
}
