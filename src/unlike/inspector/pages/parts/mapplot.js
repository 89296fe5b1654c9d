// The difference map as a plot: a point per text, a colour per cluster, a number per representative, a star for the user.

import { brief, count, decimal, loadPlot, figure, table } from "../dom.js";

export const colour = (group) => `var(--c${group % 6})`;
const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "wye"];

// `state` has points (with n, their index, and the number of a representative) and chosen, the index of the one that is
// read. `onRead(point)` is called when one is pointed at or tapped; `whole.redraw()` draws again after a change.
export async function mapPlot(state, onRead) {
  const { Plot, d3 } = await loadPlot();
  const draw = (width) => {
    const { points, usual } = state;
    const others = points.filter((one) => !one.mine);
    const small = others.length > 300;
    const place = { x: "x", y: "y" };
    const symbol = (one) => SHAPES[Math.floor(one.group / 6) % 6];
    const plot = Plot.plot({
      width,
      height: Math.min(Math.max(width * 0.72, 260), 560),
      margin: 18,
      inset: 22,
      x: { axis: null },
      y: { axis: null },
      symbol: { type: "identity" },
      marks: [
        Plot.frame({ stroke: "var(--edge)" }),
        Plot.dot(others, { ...place, symbol: (one) => d3[`symbol${symbol(one)[0].toUpperCase()}${symbol(one).slice(1)}`], fill: (one) => colour(one.group), fillOpacity: small ? 0.6 : 0.85, r: small ? 2.6 : 4.5 }),
        Plot.dot(points.filter((one) => one.number), { ...place, r: 11, fill: "var(--card)", stroke: (one) => colour(one.group), strokeWidth: 3 }),
        Plot.text(points.filter((one) => one.number), { ...place, text: (one) => String(one.number), fill: "var(--text)", fontWeight: 700, fontSize: 12 }),
        Plot.dot(points.filter((one) => one.mine), { ...place, symbol: d3.symbolStar, r: 10, fill: usual ? "var(--card)" : "var(--text)", stroke: usual ? "var(--text)" : "var(--card)", strokeWidth: 2 }),
        Plot.dot(points.filter((one) => one.n === state.chosen), { ...place, r: 15, stroke: "var(--accent)", strokeWidth: 3 }),
        Plot.dot(points, Plot.pointer({ ...place, r: 13, stroke: "var(--accent)", strokeWidth: 2, maxRadius: 30 })),
      ],
    });
    plot.addEventListener("input", () => plot.value && onRead(plot.value));
    plot.classList.add("map");
    return plot;
  };
  return figure({ label: "Map of the texts on this item; the list beside it holds the same texts in words.", draw, rows: () => rows(state.points) });
}

function rows(points) {
  return table({
    caption: "Places on the map",
    rows: points.slice(0, 200),
    columns: [
      { name: "Text", cell: (one) => (one.mine ? "this user's" : brief(one.title || one.text, 50) || `text ${one.n}`) },
      { name: "Cluster", figure: true, cell: (one) => count(one.group + 1) },
      { name: "Across", figure: true, cell: (one) => decimal(one.x) },
      { name: "Up", figure: true, cell: (one) => decimal(one.y) },
    ],
  });
}
