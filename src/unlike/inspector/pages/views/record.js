// A record as the experiment views show it, and pieces of a text with words marked.

import { brief, count, day, h, hashOf, prose } from "../dom.js";

// A record: user, item, time and text. `who` replaces the user's name, `why` says how it was chosen.
export function recordCard(id, records, { who, why, corpus = true } = {}) {
  const record = records[id];
  if (!record) return h("p", { class: "quiet" }, "Record ", h("code", {}, brief(id, 60)), ": its text is not at hand.");
  const about = corpus ? h("a", { href: hashOf("corpus", { item: record.item_id }) }, brief(record.item_title || record.item_id, 80)) : brief(record.item_title || record.item_id, 80);
  const by = who ?? (corpus ? h("a", { href: hashOf("corpus", { user: record.user_id }) }, brief(record.user_id, 40)) : brief(record.user_id, 40));
  return h("article", { class: "record" },
    h("p", { class: "by" }, h("strong", {}, h("bdi", {}, by)), " on ", h("bdi", {}, about), " · ", stars(record.rating), day(record.timestamp), why && ` · ${why}`),
    record.title && h("p", { class: "headline" }, h("bdi", {}, brief(record.title, 200))),
    prose(record.text, { label: "record" }));
}

export function stars(rating) {
  return rating === null || rating === undefined ? "" : `rated ${Number(rating)} · `;
}

// Pieces [[text, shared]] as nodes, the shared ones marked.
export function marked(pieces) {
  return pieces.map(([text, shared]) => (shared ? h("mark", {}, text) : text));
}

// A generated text in pieces; a very long one is cut like every other text.
export function generated(pieces) {
  const n = pieces.reduce((sum, [text]) => sum + text.length, 0);
  if (n > 4000) return prose(pieces.map(([text]) => text).join(""), { label: "text" });
  return h("div", { class: "prose", dir: "auto" }, n ? marked(pieces) : h("span", { class: "quiet" }, "no words"));
}

export function nOf(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}
