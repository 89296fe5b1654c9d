// The users of an experiment by what they gain over Non-Perso: searched, ordered and paged by the server.

import { announce, brief, choice, count, decimal, field, fill, h, hashOf, pager, table } from "../dom.js";
import { signed } from "./charts.js";

const LIMIT = 50;
const SORTS = ["gain", "uniqueness", "history_records", "user_id"];

export const title = () => "Users by gain";

export async function render(root, { query }, api) {
  const asked = {
    variant: query.get("variant") ?? "",
    metric: query.get("metric") ?? "",
    sort: SORTS.includes(query.get("sort")) ? query.get("sort") : "gain",
    order: query.get("order") === "up" ? "up" : "down",
    search: query.get("search") ?? "",
    offset: Number(query.get("offset") ?? 0) || 0,
  };
  const change = (changes) => (location.hash = hashOf("gains", tidy({ ...asked, offset: 0, ...changes })));
  const [found, news] = await Promise.all([
    api.get("/inspect/api/gains", { ...asked, limit: LIMIT }), api.get("/inspect/api/runs"),
  ]);
  const metrics = new Map(found.metrics.map(([name, label, scale]) => [name, { label, scale }]));
  const run = news.runs.find((one) => !one.damage && (one.variant ?? one.method) === found.variant);
  const search = h("input", { type: "search", value: asked.search, maxlength: 256, spellcheck: false, autocomplete: "off" });
  const sought = (event) => {
    event.preventDefault();
    change({ search: search.value });
  };
  fill(root,
    h("form", { class: "row", role: "search", onsubmit: sought },
      field("Variant", choice(found.variants.map((one) => [one, brief(one, 60)]), found.variant, (variant) => change({ variant }))),
      field("Metric", choice(found.metrics.map(([name, label]) => [name, label]), found.metric, (metric) => change({ metric }))),
      field("Part of the id", search),
      h("button", { type: "submit" }, "Search")),
    listed(found, asked, metrics.get(found.metric), run, change),
    pager({ offset: found.offset, limit: LIMIT, total: found.total, onPage: (offset) => change({ offset }) }));
  announce(`${count(found.total)} users`);
}

// Without what is as it is anyway, so that addresses stay short.
function tidy(asked) {
  return { ...asked, sort: asked.sort === "gain" ? "" : asked.sort, order: asked.order === "down" ? "" : asked.order, offset: asked.offset || "" };
}

function listed(found, asked, metric, run, change) {
  const sortable = (name, sort, cell) => ({ name, cell, figure: sort !== "user_id", sort, sorted: asked.sort === sort ? asked.order : undefined });
  const user = (row) => h("bdi", {}, brief(row.user_id, 60));
  return table({
    caption: `Gain of ${brief(found.variant, 60)} over Non-Perso in ${metric.label}`,
    rows: found.rows,
    empty: asked.search ? "Nobody's id holds that." : "There is nobody.",
    onSort: (sort) => change({ sort, order: asked.sort === sort && asked.order === "down" ? "up" : "down" }),
    columns: [
      sortable("User", "user_id", (row) => (run ? h("a", { href: hashOf("runs", run.name, { search: row.user_id }) }, user(row)) : user(row))),
      sortable("Gain", "gain", (row) => signed(row.gain, metric.scale)),
      sortable("Uniqueness", "uniqueness", (row) => decimal(row.uniqueness)),
      sortable("Records before", "history_records", (row) => count(row.history_records)),
    ],
  });
}
