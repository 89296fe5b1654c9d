// The users of an experiment by their gain over Non-Perso: searched, sorted and paged by the server.

import { announce, brief, choice, count, decimal, field, fill, h, hashOf, pager, table } from "../dom.js";
import { addressOf, askedFor, searchForm, sorting } from "../parts/list.js";
import { ABOUT_UNIQUENESS } from "../parts/uniqueness.js";
import { signed } from "./charts.js";

const LIMIT = 25;
const DEFAULTS = { variant: "", metric: "", sort: "gain", order: "down", search: "", offset: 0 };

export const title = () => "Users by gain";

export async function render(root, { query }, api) {
  const asked = askedFor(query, DEFAULTS);
  const change = (changes) => (location.hash = addressOf(["gains"], { ...asked, offset: 0, ...changes }, DEFAULTS));
  const [found, news] = await Promise.all([
    api.get("/inspect/api/gains", { ...asked, limit: LIMIT }), api.get("/inspect/api/runs"),
  ]);
  const metrics = new Map(found.metrics.map(([name, label, scale]) => [name, { label, scale }]));
  const run = news.runs.find((one) => !one.damage && (one.variant ?? one.method) === found.variant);
  fill(root,
    searchForm("Part of the id", asked.search, (search) => change({ search }),
      field("Variant", choice(found.variants.map((one) => [one, brief(one, 60)]), found.variant, (variant) => change({ variant }))),
      field("Metric", choice(found.metrics.map(([name, label]) => [name, label]), found.metric, (metric) => change({ metric })))),
    h("p", { class: "quiet" }, ABOUT_UNIQUENESS),
    listed(found, asked, metrics.get(found.metric), run, change),
    pager({ offset: found.offset, limit: LIMIT, total: found.total, onPage: (offset) => change({ offset }) }));
  announce(`${count(found.total)} users`);
}

function listed(found, asked, metric, run, change) {
  const { column, onSort } = sorting(asked, change);
  const user = (row) => h("bdi", {}, brief(row.user_id, 60));
  return table({
    caption: `Gain of ${brief(found.variant, 60)} over Non-Perso in ${metric.label}`,
    rows: found.rows,
    empty: asked.search ? "No id contains that." : "There are no users.",
    onSort,
    columns: [
      column("User", "user_id", (row) => (run ? h("a", { href: hashOf("runs", run.name, { search: row.user_id }) }, user(row)) : user(row))),
      column("Gain", "gain", (row) => signed(row.gain, metric.scale), { figure: true }),
      column("Uniqueness", "uniqueness", (row) => decimal(row.uniqueness), { figure: true }),
      column("Records before", "history_records", (row) => count(row.history_records), { figure: true }),
    ],
  });
}
