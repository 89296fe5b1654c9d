// A corpus: how much is in it, its users and items page by page, and what one user wrote or was written on one item.

import { brief, choice, count, day, field, fill, fold, h, hashOf, pager, prose, table } from "../dom.js";
import { months } from "./charts.js";
import { nOf, recordCard } from "./record.js";

const LIMIT = 50;
const RECORDS = 20;

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
  const asked = {
    list: query.get("list") === "items" ? "items" : "users",
    search: query.get("search") ?? "",
    sort: query.get("sort") ?? "",
    order: query.get("order") ?? "",
    offset: Number(query.get("offset") ?? 0) || 0,
  };
  const change = (changes) => (location.hash = hashOf("corpus", { ...asked, ...changes }));
  const sort = asked.sort || (asked.list === "items" ? "title" : "id");
  const order = asked.order || "up";
  const [about, page] = await Promise.all([
    api.get("/inspect/api/corpus"),
    api.get(`/inspect/api/corpus/${asked.list}`, { search: asked.search, sort, order, offset: asked.offset, limit: LIMIT }),
  ]);
  fill(root,
    await overview(about),
    h("section", { class: "card", "aria-labelledby": "list" },
      h("h2", { id: "list" }, asked.list === "items" ? "Items" : "Users"),
      controls(asked, change),
      asked.list === "items" ? itemTable(page, sort, order, change) : userTable(page, sort, order, change),
      pager({ ...page, limit: LIMIT, onPage: (offset) => change({ offset }) })));
}

async function overview(about) {
  const fact = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
  return h("section", { class: "card", "aria-labelledby": "counts" },
    h("h2", { id: "counts" }, "What is in it"),
    h("dl", { class: "facts" },
      fact("Users", count(about.n_users)), fact("Items", count(about.n_items)), fact("Records", count(about.n_records)),
      Object.entries(about.n_cases).map(([split, n]) => fact(`Cases, ${split}`, count(n))),
      about.source && fact("Source", h("bdi", {}, brief(about.source, 80))),
      about.first !== null && fact("Time", `${day(about.first)} to ${day(about.last)}`)),
    about.months.length > 1 && (await months({ rows: about.months, caption: "Records over time, in months of thirty days" })));
}

function controls(asked, change) {
  const list = choice([["users", "users"], ["items", "items"]], asked.list, (chosen) => change({ list: chosen, sort: "", order: "", search: "", offset: 0 }));
  const search = h("input", { type: "search", value: asked.search, maxlength: 200 });
  const find = (event) => {
    event.preventDefault();
    change({ search: search.value, offset: 0 });
  };
  return h("form", { class: "row", role: "search", onsubmit: find }, field("Show", list), field("Part of an id or title", search), h("button", { type: "submit" }, "Search"));
}

function sorting(sort, order, change) {
  return {
    sorted: (name) => (sort === name ? order : undefined),
    onSort: (name) => change({ sort: name, order: sort === name && order === "down" ? "up" : "down", offset: 0 }),
  };
}

function userTable(page, sort, order, change) {
  const { sorted, onSort } = sorting(sort, order, change);
  return table({
    caption: "Everybody who wrote something", rows: page.rows, onSort, empty: "Nobody fits.",
    columns: [
      { name: "User", sort: "id", sorted: sorted("id"), cell: (row) => h("a", { href: hashOf("corpus", { user: row.id }) }, brief(row.id, 80)) },
      { name: "Records", sort: "records", sorted: sorted("records"), figure: true, cell: (row) => count(row.records) },
      { name: "Items", figure: true, cell: (row) => count(row.items) },
      { name: "First", cell: (row) => day(row.first) },
      { name: "Last", sort: "last", sorted: sorted("last"), cell: (row) => day(row.last) },
    ],
  });
}

function itemTable(page, sort, order, change) {
  const { sorted, onSort } = sorting(sort, order, change);
  return table({
    caption: "Everything that was written about", rows: page.rows, onSort, empty: "Nothing fits.",
    columns: [
      { name: "Item", sort: "title", sorted: sorted("title"), cell: (row) => h("a", { href: hashOf("corpus", { item: row.id }) }, h("bdi", {}, brief(row.title || row.id, 90))) },
      { name: "Id", sort: "id", sorted: sorted("id"), cell: (row) => brief(row.id, 40) },
      { name: "Records", sort: "records", sorted: sorted("records"), figure: true, cell: (row) => count(row.records) },
      { name: "Users", figure: true, cell: (row) => count(row.users) },
      { name: "Last", sort: "last", sorted: sorted("last"), cell: (row) => day(row.last) },
    ],
  });
}

// One user or item ---------------------------------------------------------------------------------------------------

async function one(root, what, query, api) {
  const id = query.get(what);
  const offset = Number(query.get("offset") ?? 0) || 0;
  const found = await api.get(`/inspect/api/corpus/${what}`, { [what]: id, offset, limit: RECORDS });
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
    h("h2", { id: "about" }, h("bdi", {}, brief(item.title || item.id, 200))),
    item.description && prose(item.description, { label: "description" }),
    Object.keys(item.attributes).length > 0 && fold("Attributes", () => h("pre", { tabindex: 0 }, JSON.stringify(item.attributes, null, 1).slice(0, 50_000))));
}

function userHead({ cases }) {
  if (!cases.length) return null;
  return h("p", { class: "quiet" }, `${nOf(cases.length, "case")}: `, cases.map((one) => [h("code", {}, brief(one.id, 60)), ` (${one.split}) `]));
}
