// A corpus: its size, its users and items page by page, and the records of one user or item.

import { brief, choice, count, day, entitle, field, fill, fold, h, hashOf, pager, prose, table } from "../dom.js";
import { addressOf, askedFor, searchForm, sorting } from "../parts/list.js";
import { months } from "./charts.js";
import { nOf, recordCard } from "./record.js";

const LIMIT = 25;
const RECORDS = 10;
const DEFAULTS = { list: "users", search: "", sort: "records", order: "down", offset: 0 };

export function title({ query }) {
  if (query.get("user")) return `User ${brief(query.get("user"), 80)}`;
  if (query.get("item")) return `Item ${brief(query.get("item"), 80)}`;
  return "Corpus";
}

export async function render(root, { query }, api) {
  if (query.get("user")) return one(root, "user", query, api);
  if (query.get("item")) return one(root, "item", query, api);
  return all(root, query, api);
}

// All users or items -------------------------------------------------------------------------------------------------

async function all(root, query, api) {
  const asked = askedFor(query, DEFAULTS);
  const change = (changes) => (location.hash = addressOf(["corpus"], { ...asked, ...changes }, DEFAULTS));
  const [about, page] = await Promise.all([
    api.get("/inspect/api/corpus"),
    api.get(`/inspect/api/corpus/${asked.list}`, { ...asked, list: undefined, limit: LIMIT }),
  ]);
  fill(root,
    await overview(about),
    h("section", { class: "card", "aria-labelledby": "list" },
      h("h2", { id: "list" }, asked.list === "items" ? "Items" : "Users"),
      controls(asked, change),
      asked.list === "items" ? itemTable(page, sorting(asked, change)) : userTable(page, sorting(asked, change)),
      pager({ ...page, limit: LIMIT, onPage: (offset) => change({ offset }) })));
}

async function overview(about) {
  const fact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
  return h("section", { class: "card", "aria-labelledby": "counts" },
    h("h2", { id: "counts" }, "Contents"),
    h("dl", { class: "facts" },
      fact("Users", count(about.n_users)), fact("Items", count(about.n_items)), fact("Records", count(about.n_records)),
      Object.entries(about.n_cases).map(([split, n]) => fact(`Cases, ${split}`, count(n))),
      about.source && fact("Source", h("bdi", {}, brief(about.source, 80))),
      about.first !== null && fact("Time", `${day(about.first)} to ${day(about.last)}`)),
    about.months.length > 1 && (await months({ rows: about.months, caption: "Records over time, in months of thirty days" })));
}

function controls(asked, change) {
  const list = choice([["users", "users"], ["items", "items"]], asked.list, (chosen) => change({ ...DEFAULTS, list: chosen }));
  return searchForm("Part of an id or title", asked.search, (search) => change({ search, offset: 0 }), field("Show", list));
}

function userTable(page, { column, onSort }) {
  return table({
    caption: "Users with a record", rows: page.rows, onSort, empty: "No user matches.",
    columns: [
      column("User", "id", (row) => h("a", { href: hashOf("corpus", { user: row.id }) }, brief(row.id, 80))),
      column("Records", "records", (row) => count(row.records), { figure: true }),
      { name: "Items", figure: true, cell: (row) => count(row.items) },
      { name: "First", cell: (row) => day(row.first) },
      column("Last", "last", (row) => day(row.last)),
    ],
  });
}

function itemTable(page, { column, onSort }) {
  return table({
    caption: "Items with a record", rows: page.rows, onSort, empty: "No item matches.",
    columns: [
      column("Item", "title", (row) => h("a", { href: hashOf("corpus", { item: row.id }) }, h("bdi", {}, brief(row.title || row.id, 90)))),
      column("Id", "id", (row) => brief(row.id, 40)),
      column("Records", "records", (row) => count(row.records), { figure: true }),
      { name: "Users", figure: true, cell: (row) => count(row.users) },
      column("Last", "last", (row) => day(row.last)),
    ],
  });
}

// One user or item ---------------------------------------------------------------------------------------------------

async function one(root, what, query, api) {
  const id = query.get(what);
  const offset = Number(query.get("offset") ?? 0) || 0;
  const found = await api.get(`/inspect/api/corpus/${what}`, { [what]: id, offset, limit: RECORDS });
  if (what === "item") entitle(`Item: ${brief(found.item.title || id, 80)}`);
  const records = Object.fromEntries(found.records.map((record) => [record.id, record]));
  fill(root,
    h("p", {}, h("a", { href: hashOf("corpus", { list: `${what}s` }) }, `All ${what}s`)),
    what === "item" ? itemHead(found.item) : userHead(found),
    h("section", { class: "card", "aria-labelledby": "records" },
      h("h2", { id: "records" }, `${nOf(found.total, "record")}, the latest first`),
      found.records.map((record) => [recordCard(record.id, records), h("p", { class: "small" }, h("a", { href: hashOf("map", record.user_id, record.item_id), "aria-label": `Map of ${brief(record.user_id, 40)} on ${brief(record.item_title || record.item_id, 60)}` }, "Among all who wrote on it"))]),
      !found.total && h("p", { class: "quiet" }, "Nothing is known."),
      pager({ ...found, limit: RECORDS, onPage: (to) => (location.hash = hashOf("corpus", { [what]: id, offset: to })) })));
}

function itemHead(item) {
  return h("section", { class: "card", "aria-labelledby": "about" },
    h("h2", { id: "about" }, "Description"),
    item.description && prose(item.description, { label: "description" }),
    Object.keys(item.attributes).length > 0 && fold("Attributes", () => h("pre", { tabindex: 0 }, JSON.stringify(item.attributes, null, 1).slice(0, 50_000))));
}

function userHead({ cases }) {
  if (!cases.length) return null;
  return h("p", { class: "quiet" }, `${nOf(cases.length, "case")}: `, cases.map((one) => [h("code", {}, brief(one.id, 60)), ` (${one.split}) `]));
}
