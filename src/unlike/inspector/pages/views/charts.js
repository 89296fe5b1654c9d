// The plots of the experiment views. Each point of a case can be clicked; who cannot point finds the same in the table behind
// the fold and in the list of cases.

import { brief, decimal, figure as framed, h, loadPlot, table } from "../dom.js";

const SQUARE = "square";
const MOST_TABLE_ROWS = 200;

// A value with as many digits as its scale asks for.
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

// A figure is one image with one name; Plot names its parts as well, which no reader of a screen may be told.
function figure({ draw, ...more }) {
  const unnamed = (width) => {
    const plot = draw(width);
    plot.querySelectorAll("g[aria-label]").forEach((part) => {
      part.dataset.mark = part.getAttribute("aria-label");
      part.removeAttribute("aria-label");
    });
    return plot;
  };
  return framed({ ...more, draw: unnamed });
}

// What is said of the point under the pointer.
function tip(words) {
  return { title: words, tip: { fill: "var(--card)", maxRadius: 30, lineWidth: 24 } };
}

const place = (width, more) => ({ width, marginLeft: 16, marginRight: 16, marginBottom: 40, style: { background: "none" }, ...more });

// Every case a dot, where its value is; beyond the fences an outlier. `to(point)` is where a click goes.
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

// Two runs: a point a case, left across, right up; above the line the right one is better.
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

// Means with their intervals, a line a variant.
export async function intervals({ rows, label, scale, caption, to }) {
  const { Plot } = await loadPlot();
  const known = rows.filter((row) => row.mean !== null && row.mean !== undefined);
  if (!known.length) return null;
  const names = new Map(known.map((row) => [row.name, brief(row.name, 28)]));
  const draw = (width) => {
    const margin = Math.min(190, 24 + 7.2 * Math.max(...[...names.values()].map((name) => name.length)), width * 0.42);
    const plot = Plot.plot(
      place(width, {
        height: 46 + 30 * known.length, marginLeft: margin,
        x: { label: `${axis(label, scale)} →`, nice: true, grid: true },
        y: { label: null, domain: known.map((row) => row.name), tickFormat: (name) => names.get(name), tickSize: 0 },
        marks: [
          known.some((row) => row.zero) && Plot.ruleX([0], { stroke: "var(--strong-edge)" }),
          Plot.ruleY(known.filter((row) => row.low !== null), { y: "name", x1: "low", x2: "high", stroke: "var(--quiet)", strokeWidth: 2 }),
          Plot.dot(known, { y: "name", x: "mean", r: 5, symbol: (d) => (d.plain ? SQUARE : "circle"), fill: (d) => (d.plain ? "var(--c5)" : "var(--c0)") }),
          Plot.tip(known, Plot.pointer({ x: "mean", y: "name", fill: "var(--card)", title: (d) => `${brief(d.name, 60)}\n${valued(d.mean, scale)}${d.low === null ? "" : ` [${valued(d.low, scale)}, ${valued(d.high, scale)}]`}${d.more ?? ""}` })),
        ].filter(Boolean),
      }),
    );
    return to ? clickable(plot, to) : plot;
  };
  const more = () => table({
    caption: label, rows: known,
    columns: [
      { name: "Variant", cell: (row) => row.name },
      { name: label, figure: true, cell: (row) => valued(row.mean, scale) },
      { name: "95 % interval", figure: true, cell: (row) => (row.low === null ? "–" : `${valued(row.low, scale)} to ${valued(row.high, scale)}`) },
    ],
  });
  return figure({ label: `${label} with intervals`, caption, draw, rows: more });
}

// A sweep: a line a method, with intervals.
export async function sweep({ curve, label, scale, setting }) {
  const { Plot } = await loadPlot();
  const points = Object.entries(curve.lines).flatMap(([method, line]) => line.map(([x, y, low, high]) => ({ method, x, y, low, high })));
  const methods = Object.keys(curve.lines);
  const colour = (method) => `var(--c${methods.indexOf(method) % 5})`;
  const draw = (width) =>
    Plot.plot(
      place(width, {
        height: 260, marginLeft: 56, marginTop: 28, marginRight: 70, grid: true,
        x: { label: `${setting} →`, ticks: [...new Set(points.map((d) => d.x))], tickFormat: String, inset: 14 },
        y: { label: `↑ ${axis(label, scale)}`, nice: true },
        marks: [
          Plot.ruleX(points.filter((d) => d.low !== null), { x: "x", y1: "low", y2: "high", stroke: (d) => colour(d.method), strokeOpacity: 0.5, strokeWidth: 2 }),
          Plot.line(points, { x: "x", y: "y", z: "method", stroke: (d) => colour(d.method), strokeWidth: 2 }),
          Plot.dot(points, { x: "x", y: "y", r: 4.5, fill: (d) => colour(d.method) }),
          Plot.text(points, Plot.selectLast({ x: "x", y: "y", z: "method", text: (d) => brief(d.method, 14), textAnchor: "start", dx: 9, fill: "currentColor" })),
        ],
      }),
    );
  const rows = () => table({
    caption: `${label} by ${setting}`, rows: points,
    columns: [
      { name: "Method", cell: (d) => d.method },
      { name: setting, figure: true, cell: (d) => String(d.x) },
      { name: label, figure: true, cell: (d) => valued(d.y, scale) },
      { name: "95 % interval", figure: true, cell: (d) => (d.low === null ? "–" : `${valued(d.low, scale)} to ${valued(d.high, scale)}`) },
    ],
  });
  return figure({ label: `${label} by ${setting}`, caption: `Mean over cases with its 95 % interval, for each ${setting}.`, draw, rows });
}

// What each user gains: a dot a user, a row a variant.
export async function strips({ gains, label, scale, to, caption }) {
  const { Plot } = await loadPlot();
  const variants = [...new Set(gains.map((one) => one.variant))];
  const draw = (width) => {
    const margin = Math.min(160, 24 + 7.2 * Math.max(...variants.map((name) => Math.min(name.length, 24))), width * 0.4);
    const plot = Plot.plot(
      place(width, {
        height: 46 + 84 * variants.length, marginLeft: margin,
        x: { label: `gain in ${axis(label, scale)} →`, nice: true, grid: true },
        fy: { label: null, domain: variants, tickFormat: () => "" },
        marks: [
          Plot.ruleX([0], { stroke: "var(--strong-edge)" }),
          Plot.text(variants, { fy: (name) => name, frameAnchor: "left", text: (name) => brief(name, 24), textAnchor: "end", dx: -8, fill: "currentColor" }),
          Plot.dot(gains, Plot.dodgeY("middle", {
            x: "gain", fy: "variant", r: gains.length > 500 ? 2 : 4, padding: 0.5, fill: (d) => (d.gain < 0 ? "var(--c1)" : "var(--c0)"), symbol: (d) => (d.gain < 0 ? SQUARE : "circle"),
            ...tip((d) => `${brief(d.user_id, 40)}: ${signed(d.gain, scale)}\n${d.history_records} records, uniqueness ${decimal(d.uniqueness, 2)}`),
          })),
        ],
      }),
    );
    return clickable(plot, to);
  };
  const ordered = [...gains].sort((a, b) => a.gain - b.gain);
  const rows = () => table({
    caption: "Users who gain least and most", rows: ends(ordered),
    columns: [
      { name: "User", cell: (d) => h("a", { href: to(d) }, brief(d.user_id, 60)) },
      { name: "Variant", cell: (d) => d.variant },
      { name: "Gain", figure: true, cell: (d) => signed(d.gain, scale) },
      { name: "Records", figure: true, cell: (d) => d.history_records },
      { name: "Uniqueness", figure: true, cell: (d) => decimal(d.uniqueness, 2) },
    ],
  });
  return figure({ label: `Gain of each user in ${label}`, caption, draw, rows });
}

// Quality against tokens: a point a variant.
export async function costs({ rows, label, scale }) {
  const { Plot } = await loadPlot();
  const known = rows.filter((row) => row.mean !== null && row.tokens > 0);
  if (known.length < 2) return null;
  const [least, most] = [Math.min(...known.map((row) => row.tokens)), Math.max(...known.map((row) => row.tokens))];
  const type = most / least > 10 ? "log" : "linear";
  const draw = (width) => {
    const plain = plotted(width, known.map(() => 0));
    return plotted(width, apart(known.map((row) => plain.scale("y").apply(row.mean))));
  };
  const plotted = (width, shifts) =>
    Plot.plot(
      place(width, {
        height: 280, marginLeft: 56, marginTop: 28, marginRight: Math.min(110, width * 0.25), grid: true,
        x: { label: `tokens a case${type === "log" ? " (logarithmic)" : ""} →`, type, tickFormat: "~s", ticks: type === "log" ? 4 : 5, nice: type !== "log" },
        y: { label: `↑ ${axis(label, scale)}`, nice: true },
        marks: [
          Plot.dot(known, { x: "tokens", y: "mean", r: 5, symbol: (d) => (d.plain ? SQUARE : "circle"), fill: (d) => (d.plain ? "var(--c5)" : "var(--c0)") }),
          known.map((row, i) => Plot.text([row], { x: "tokens", y: "mean", text: (d) => brief(d.name, 18), textAnchor: "start", dx: 9, dy: shifts[i], fill: "currentColor", stroke: "var(--card)", paintOrder: "stroke" })),
        ],
      }),
    );
  const more = () => table({
    caption: `${label} against tokens`, rows: known,
    columns: [
      { name: "Variant", cell: (d) => d.name },
      { name: "Tokens a case", figure: true, cell: (d) => Math.round(d.tokens).toLocaleString("en") },
      { name: label, figure: true, cell: (d) => valued(d.mean, scale) },
    ],
  });
  return figure({ label: `${label} against tokens`, caption: "Prompts and answers together. Squares are baselines.", draw, rows: more });
}

// Records over time, a bar a month.
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

// How far labels must move up or down so that no two lines of them meet.
function apart(places, line = 14) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]);
  const moved = [...places];
  order.forEach((i, n) => {
    if (n) moved[i] = Math.max(moved[i], moved[order[n - 1]] + line);
  });
  return moved.map((at, i) => at - places[i]);
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

// Where the pointer's point leads on a click.
function clickable(plot, to) {
  plot.addEventListener("click", () => plot.value && (location.hash = to(plot.value)));
  plot.addEventListener("input", () => plot.classList.toggle("pointed", Boolean(plot.value)));
  return plot;
}
