// How unlike the others a user is: the population as a histogram, with the user as a mark.

import { count, decimal, figure, h, loadPlot, short, table, time } from "../dom.js";

export const ABOUT_UNIQUENESS =
  "Uniqueness is how far a user's texts are, on average, from those of all users: the distance of the mean text vector from the mean over all users. Users without a text that may be used have none. The mean of few texts is far from the mean over all users whatever they say, so users with fewer than 5 texts are marked, and come last.";
export const MIN_TEXTS = 5;

export async function uniquenessCard(found) {
  const { Plot } = await loadPlot();
  if (!found.counts.length) return h("p", { class: "quiet" }, "No user agrees to be compared yet, so there is no population to measure against.");
  const bins = found.counts.map((n, i) => ({ n, from: found.edges[i], to: found.edges[i + 1] }));
  const draw = (width) =>
    Plot.plot({
      width,
      height: 210,
      marginLeft: 44,
      marginBottom: 40,
      x: { label: "Uniqueness: distance from the mean of all users →", nice: true },
      y: { label: "↑ Users", grid: true, ticks: 4, tickFormat: (n) => (Number.isInteger(n) ? short(n) : "") },
      marks: [
        Plot.rectY(bins, { x1: "from", x2: "to", y: "n", fill: "var(--c5)", fillOpacity: 0.55, insetLeft: 0.5, insetRight: 0.5 }),
        Plot.ruleY([0], { stroke: "var(--strong-edge)" }),
        found.distance !== null && Plot.ruleX([found.distance], { stroke: "var(--accent)", strokeWidth: 3 }),
        found.distance !== null && Plot.text([found.distance], { x: (x) => x, frameAnchor: "top", dy: -14, text: () => "this user", fill: "var(--accent)", fontWeight: 600, fontSize: 13 }),
      ],
      marginTop: 28,
    });
  return figure({ label: `Histogram of ${count(found.n_compared)} users' distances. ${sentence(found)}`, caption: sentence(found), draw, rows: () => rows(bins, found) });
}

function sentence(found) {
  if (found.distance === null) return "This user has no vector yet, or lets no record be used, and so no place in the population.";
  const share = Math.round(100 * found.share_below);
  const words = share >= 90 ? "among the most unlike" : share >= 60 ? "more unlike than most" : share >= 40 ? "in the middle" : "close to how most people write";
  return `Uniqueness ${decimal(found.distance)}: higher than that of ${share} % of ${count(found.n_compared)} users, ${words}. Measured ${time(found.measured_ms)}.`;
}

function rows(bins, found) {
  return table({
    caption: "Users by uniqueness",
    rows: bins.filter((bin) => bin.n),
    columns: [
      { name: "Distance", cell: (bin) => `${decimal(bin.from)} to ${decimal(bin.to)}` },
      { name: "Users", figure: true, cell: (bin) => count(bin.n) },
      { name: "", cell: (bin) => (found.distance >= bin.from && found.distance <= bin.to ? "this user" : "") },
    ],
  });
}
