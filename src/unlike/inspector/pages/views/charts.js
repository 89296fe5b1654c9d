// The plots of the experiment views. Each point of a case can be clicked; without a pointer, the same is in the folded
// table and in the list of cases.

import { brief, decimal, figure, h, loadPlot, table } from "../dom.js";

const SQUARE = "square";
const MOST_TABLE_ROWS = 200;

// A value with the digits of its scale.
export function valued(value, scale) {
  if (scale === "words" && Number.isInteger(value)) return String(value);
  return decimal(value, scale === 100 || typeof scale === "string" ? 2 : 4);
}

export function signed(value, scale) {
  return value === null || value === undefined ? "–" : `${value > 0 ? "+" : ""}${valued(value, scale)}`;
}

// The words of an axis: "ROUGE-1", "Leakage (words)".
export function axis(label, scale) {
  return typeof scale === "string" ? `${label} (${scale})` : label;
}

// The label of the point under the pointer.
function tip(words) {
  return { title: words, tip: { fill: "var(--card)", maxRadius: 30, lineWidth: 24 } };
}

const place = (width, more) => ({ width, marginLeft: 16, marginRight: 16, marginBottom: 40, style: { background: "none" }, ...more });

// A dot per case at its value; beyond the fences it is an outlier. `to(point)` is the target of a click.
export async function dots({ data, to, caption }) {
  const { Plot } = await loadPlot();
  const points = data.points.map(([id, user, value]) => ({ id, user, value, out: value < data.low || value > data.high }));
  const name = axis(data.label, data.scale);
  const r = points.length > 600 ? 2 : points.length > 150 ? 3 : 4.5;
  const draw = (width) => {
    const plot = Plot.plot(
      place(width, {
        height: points.length > 600 ? 260 : 180,
        x: { label: `${name} →`, nice: true },
        marks: [
          Plot.ruleX([data.q1, data.q3], { stroke: "var(--edge)", strokeDasharray: "3 3" }),
          Plot.ruleX([data.median], { stroke: "var(--strong-edge)" }),
          Plot.dot(points, Plot.dodgeY("middle", {
            x: "value", r, padding: 0.5, fill: (d) => (d.out ? "var(--c1)" : "var(--c0)"), symbol: (d) => (d.out ? SQUARE : "circle"), fillOpacity: 0.85,
            ...tip((d) => `${brief(d.id, 60)}\n${brief(d.user, 40)}: ${valued(d.value, data.scale)}`),
          })),
        ],
      }),
    );
    return clickable(plot, to);
  };
  const rows = () => pointTable({ caption: `${data.label}: lowest and highest`, points: ends(points), scale: data.scale, to, name: data.label });
  return figure({ label: `Distribution of ${data.label} over ${data.n} cases`, caption, draw, rows });
}

// Two runs: a point per case, left run on x, right run on y; above the line the right one is better.
export async function pairs({ data, left, right, to, caption }) {
  const { Plot, d3 } = await loadPlot();
  const points = data.points.map(([id, user, a, b]) => ({ id, user, a, b, gain: b - a }));
  const [low, high] = d3.extent(points.flatMap((d) => [d.a, d.b]));
  const draw = (width) => {
    const side = Math.min(width, 560);
    const plot = Plot.plot(
      place(side, {
        height: Math.min(side, 460), marginLeft: 52, marginTop: 30, grid: true,
        x: { label: `${brief(left, 40)} →`, domain: [low, high], nice: true },
        y: { label: `↑ ${brief(right, 40)}`, domain: [low, high], nice: true },
        marks: [
          Plot.line([[low, low], [high, high]], { stroke: "var(--strong-edge)", strokeDasharray: "4 4" }),
          Plot.dot(points, { x: "a", y: "b", r: points.length > 500 ? 2.5 : 4.5, fill: (d) => (d.gain < 0 ? "var(--c1)" : "var(--c0)"), symbol: (d) => (d.gain < 0 ? SQUARE : "circle"), fillOpacity: 0.8 }),
          Plot.tip(points, Plot.pointer({ x: "a", y: "b", fill: "var(--card)", title: (d) => `${brief(d.id, 60)}\n${valued(d.a, data.scale)} → ${valued(d.b, data.scale)} (${signed(d.gain, data.scale)})` })),
        ],
      }),
    );
    return clickable(plot, to);
  };
  const rows = () => table({
    caption: "Largest gains and losses", rows: [...data.gains, ...data.losses],
    columns: [
      { name: "Case", cell: ([id, user]) => h("a", { href: to({ id, user }) }, brief(id, 60)) },
      { name: brief(left, 40), figure: true, cell: ([, , a]) => valued(a, data.scale) },
      { name: brief(right, 40), figure: true, cell: ([, , , b]) => valued(b, data.scale) },
    ],
  });
  return figure({ label: `${data.label} of each case in two runs`, caption, draw, rows });
}

// Records over time, a bar per month.
export async function months({ rows, caption }) {
  const { Plot } = await loadPlot();
  const bars = rows.map(([start, n]) => ({ from: new Date(start), to: new Date(start + 30 * 86_400_000), n }));
  const draw = (width) =>
    Plot.plot(
      place(width, {
        height: 170, marginLeft: 44, marginTop: 24,
        x: { label: null }, y: { label: "↑ records", grid: true },
        marks: [Plot.rectY(bars, { x1: "from", x2: "to", y: "n", fill: "var(--c0)", inset: 0.5 }), Plot.ruleY([0])],
      }),
    );
  const more = () => table({
    caption, rows: bars,
    columns: [
      { name: "From", cell: (d) => d.from.toISOString().slice(0, 10) },
      { name: "Records", figure: true, cell: (d) => d.n },
    ],
  });
  return figure({ label: caption, caption, draw, rows: more });
}

function pointTable({ caption, points, scale, to, name }) {
  return table({
    caption, rows: points,
    columns: [
      { name: "Case", cell: (d) => h("a", { href: to(d) }, brief(d.id, 60)) },
      { name: "User", cell: (d) => brief(d.user, 40) },
      { name, figure: true, cell: (d) => valued(d.value, scale) },
    ],
  });
}

// The first and the last of an ordered list, where it is long.
function ends(points) {
  return points.length <= MOST_TABLE_ROWS ? points : [...points.slice(0, MOST_TABLE_ROWS / 2), ...points.slice(-MOST_TABLE_ROWS / 2)];
}

// The target of a click on a point.
function clickable(plot, to) {
  plot.addEventListener("click", () => plot.value && (location.hash = to(plot.value)));
  plot.addEventListener("input", () => plot.classList.toggle("pointed", Boolean(plot.value)));
  return plot;
}
