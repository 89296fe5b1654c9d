// Users: a list that the server searches, sorts and pages.

import { ABOUT_UNIQUENESS, MIN_TEXTS } from "../parts/uniqueness.js";
import { announce, brief, choice, count, day, decimal, field, fill, h, hashOf, notice, pager, table } from "../dom.js";

const LIMIT = 25;
const SORTS = [
  ["uniqueness", "Most unlike first"],
  ["records", "Longest history first"],
  ["recent", "Latest record first"],
  ["user_id", "By id"],
];

export const title = () => "Users";

export async function render(root, { query }, api) {
  const asked = { search: query.get("search") ?? "", sort: query.get("sort") ?? "uniqueness", offset: Number(query.get("offset") ?? 0) };
  const list = h("div");
  const search = h("input", { type: "search", value: asked.search, maxlength: 256, spellcheck: false, autocomplete: "off" });
  const sort = choice(SORTS, asked.sort, (value) => change({ sort: value, offset: 0 }));
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => change({ search: search.value, offset: 0 }), 250);
  });
  fill(root, h("p", { class: "quiet" }, ABOUT_UNIQUENESS), h("search", { class: "row" }, field("Part of the id", search), field("Order", sort)), list);
  await show();
  return () => clearTimeout(waiting);

  async function change(what) {
    Object.assign(asked, what);
    sort.value = asked.sort;
    history.replaceState(null, "", hashOf("users", { ...asked, offset: asked.offset || "" }));
    try {
      await show();
    } catch (error) {
      if (error.name !== "AbortError") fill(list, notice("problem", error.message));
    }
  }

  async function show() {
    const seen = JSON.stringify(asked);
    const page = await api.get("/v1/users", { ...asked, limit: LIMIT });
    if (seen !== JSON.stringify(asked)) return; // another answer is on its way
    fill(list, listed(page, asked, change), pager({ ...asked, limit: LIMIT, total: page.total, onPage: (offset) => change({ offset }) }));
    announce(`${count(page.total)} users`);
  }
}

function listed(page, asked, change) {
  const sorted = (name) => (asked.sort === name ? (name === "user_id" ? "up" : "down") : undefined);
  const column = (name, sort, cell) => ({ name, cell, figure: true, sort, sorted: sorted(sort) });
  return table({
    caption: asked.search ? `Users whose id contains “${asked.search}”` : "All users with a record here",
    rows: page.rows,
    empty: asked.search ? "No id contains that." : "There are no users yet; they come with their first record.",
    onSort: (sort) => change({ sort, offset: 0 }),
    columns: [
      { name: "User", cell: (row) => h("a", { href: hashOf("users", row.user_id) }, h("bdi", {}, brief(row.user_id))), sort: "user_id", sorted: sorted("user_id") },
      column("Uniqueness", "uniqueness", uniqueness),
      column("Records", "records", (row) => count(row.n_records)),
      column("Last record", "recent", (row) => day(row.last_record_ms)),
      { name: "Profile", cell: profile },
      { name: "Agrees to", cell: consent },
    ],
  });
}

function uniqueness(row) {
  const few = row.uniqueness !== null && row.n_records < MIN_TEXTS;
  return [decimal(row.uniqueness), few && [" ", h("span", { class: "badge" }, "too few texts")]];
}

function profile(row) {
  if (row.profile_version === null) return h("span", { class: "quiet" }, "none yet");
  return [`version ${row.profile_version}`, row.stale && [" ", h("span", { class: "badge" }, "being renewed")]];
}

function consent(row) {
  if (!row.own && !row.peer) return h("span", { class: "quiet" }, "nothing");
  return h("span", { class: "whole" }, row.own && h("span", { class: "badge" }, "own texts"), " ", row.peer && h("span", { class: "badge" }, "being compared"));
}
