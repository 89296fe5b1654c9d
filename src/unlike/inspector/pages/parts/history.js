// A user's records: over time as a plot, and as a list in pages.

import { announce, brief, count, day, decimal, figure, fill, h, hashOf, loadPlot, pager, prose, short, table } from "../dom.js";
import { offers, path } from "../api.js";

const LIMIT = 10;

// How long the texts are over time, the latest ones.
export async function historyPlot(records) {
  const { Plot } = await loadPlot();
  const points = records.map((one) => ({ ...one, at: new Date(one.timestamp), words: one.text.split(/\s+/, 100_000).length }));
  const draw = (width) =>
    Plot.plot({
      width,
      height: 200,
      marginLeft: 44,
      x: { label: null, type: "utc" },
      y: { label: "↑ Words", grid: true, zero: true, ticks: 4, tickFormat: short },
      marks: [
        Plot.ruleY([0], { stroke: "var(--strong-edge)" }),
        Plot.ruleX(points, { x: "at", y: "words", stroke: "var(--c0)", strokeOpacity: 0.35 }),
        Plot.dot(points, { x: "at", y: "words", r: 4, fill: "var(--c0)", title: (one) => `${day(one.timestamp)}\n${brief(one.title || one.text, 60)}` }),
      ],
    });
  const [last, first] = [records[0], records.at(-1)];
  const caption = `${count(records.length)} records from ${day(first.timestamp)} to ${day(last.timestamp)}; the height is the number of words.`;
  return figure({ label: `Length of each record over time. ${caption}`, caption, draw, rows: () => rows(points) });
}

function rows(points) {
  return table({
    caption: "Length and rating of each record",
    rows: points,
    columns: [
      { name: "Day", cell: (one) => day(one.timestamp) },
      { name: "Words", figure: true, cell: (one) => count(one.words) },
      { name: "Rating", figure: true, cell: (one) => decimal(one.rating, 1) },
    ],
  });
}

// The records themselves.
export async function recordList(user, api) {
  const place = h("div");
  await show(0);
  return place;

  async function show(offset) {
    const page = await api.get(path`/v1/users/${user}/records`, { offset, limit: LIMIT });
    fill(
      place,
      h("ul", { class: "statements" }, page.rows.map((record) => h("li", {}, recordView(record, user)))),
      page.total > LIMIT && pager({ offset, limit: LIMIT, total: page.total, onPage: (to) => show(to).then(() => announce(`records from ${to + 1}`)) }),
    );
  }
}

// One record, with the way to the map of its item.
export function recordView(record, user) {
  const about = h("bdi", {}, brief(record.item_title || record.item_id, 60));
  return [
    h("div", { class: "row middle tight" },
      h("strong", { dir: "auto" }, brief(record.title, 120) || "without a title"),
      h("span", { class: "quiet" }, `${day(record.timestamp)}${record.rating === null ? "" : ` · rated ${record.rating}`}`),
      offers("map") ? h("a", { href: hashOf("map", user, record.item_id) }, "map of ", about) : h("span", { class: "quiet" }, about),
    ),
    prose(record.text, { label: "record" }),
  ];
}
