// Shared by the views of lists: parameters in the address, headings that sort, a search form.

import { field, h, hashOf } from "../dom.js";

// The values of a query, with a default for each that it lacks; a number where the default is one.
export function askedFor(query, defaults) {
  const value = (name, usual) => (!query.has(name) ? usual : typeof usual === "number" ? Number(query.get(name)) || 0 : query.get(name));
  return Object.fromEntries(Object.entries(defaults).map(([name, usual]) => [name, value(name, usual)]));
}

// The address of a list, without the values that are the defaults.
export function addressOf(parts, asked, defaults) {
  return hashOf(...parts, Object.fromEntries(Object.entries(asked).filter(([name, value]) => value !== defaults[name])));
}

// column(name, sort, cell, more) for a table whose headings sort, and its onSort.
export function sorting(asked, change) {
  const sorted = (name) => (asked.sort === name ? asked.order : undefined);
  return {
    column: (name, sort, cell, more) => ({ name, sort, sorted: sorted(sort), cell, ...more }),
    onSort: (sort) => change({ sort, order: sorted(sort) === "down" ? "up" : "down", offset: 0 }),
  };
}

// `before` are fields before the search field.
export function searchForm(label, value, onSearch, ...before) {
  const search = h("input", { type: "search", value, maxlength: 256, spellcheck: false, autocomplete: "off" });
  const sent = (event) => {
    event.preventDefault();
    onSearch(search.value);
  };
  return h("form", { class: "row", role: "search", onsubmit: sent }, before, field(label, search), h("button", { type: "submit" }, "Search"));
}
