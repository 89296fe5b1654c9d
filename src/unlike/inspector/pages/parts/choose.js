// Choosing a user and an item; a view that is opened without them opens on an example.

import { brief, choice, field, fill, h, hashOf } from "../dom.js";
import { offers, path } from "../api.js";

const MOST_TRIED = 5;

// A user with an item that others wrote on too: {user, item}; null without records.
async function example(api) {
  if (!offers("users")) {
    const [most] = (await api.get("/inspect/api/corpus/items", { sort: "records", order: "down", limit: 1 })).rows;
    const [record] = most ? (await api.get("/inspect/api/corpus/item", { item: most.id, limit: 1 })).records : [];
    return record ? { user: record.user_id, item: most.id } : null;
  }
  const [first] = (await api.get("/v1/users", { sort: "uniqueness", limit: 1 })).rows;
  if (!first?.n_records) return null;
  const { rows } = await api.get(path`/v1/users/${first.user_id}/records`, { limit: MOST_TRIED });
  for (const { item_id: item } of rows) {
    if (!(await api.get("/v1/map", { user_id: first.user_id, item_id: item })).why) return { user: first.user_id, item };
  }
  return { user: first.user_id, item: rows[0].item_id };
}

// Where a view opens: on the latest item of a user, or on an example.
export async function start(user, api) {
  if (!user) return example(api);
  const { rows } = await api.get(path`/v1/users/${user}/records`, { limit: 1 });
  return rows.length ? { user, item: rows[0].item_id } : null;
}

// A form with the user's items by their titles; go(user, item) is called with what was chosen.
export async function chooser({ user, item }, go, api) {
  const { rows } = await api.get(path`/v1/users/${user}/records`, { limit: 100 }).catch(() => ({ rows: [] }));
  const titles = new Map(rows.map((one) => [one.item_id, brief(one.item_title || one.item_id, 60)]));
  const options = [...titles, ["", "another item, by its id"]];
  const whose = h("input", { value: user, required: true, autocomplete: "off", spellcheck: false });
  const other = h("input", { value: titles.has(item) ? "" : item, autocomplete: "off", spellcheck: false });
  const byId = h("div", { hidden: titles.has(item) }, field("Item's id", other));
  const what = choice(options, titles.has(item) ? item : "", (value) => (byId.hidden = value !== ""));
  const submitted = (event) => {
    event.preventDefault();
    const chosen = whose.value === user ? what.value || other.value : other.value || what.value;
    if (whose.value && chosen) go(whose.value, chosen);
  };
  return h("form", { class: "row", onsubmit: submitted },
    field("User's id", whose), field("Item", what), byId, h("button", { type: "submit" }, "Show"),
    offers("users") && h("a", { href: hashOf("users") }, "All users"));
}

// What a view shows without records.
export const nothing = (root) => fill(root, h("p", {}, "There are no records yet."));
