// Marks words of a text that are also in other texts; for reading, not a metric.

import { h, words } from "../dom.js";

const STOP = new Set(
  (
    "a about after all also am an and any are as at be been but by can could did do does for from get got had has have he her him his i i'm " +
    "i've if in into is it it's its just me more most my no not of on one or our out she so some than that the their them then there these " +
    "they this those to too up us very was we were what when which who will with would you your"
  ).split(" "),
);
const MOST_CHARS = 200_000; // longer texts are shown without marks

const folded = (word) => word.replace(/’/g, "'");

// A function for prose(): words of the real text in one way, runs of words of peers in another, both in a third.
export function marker(real, runs) {
  const known = new Set(words((real ?? "").slice(0, MOST_CHARS)).map((one) => folded(one.word)).filter((word) => word && !STOP.has(word)));
  return (text) => (text.length > MOST_CHARS || (!known.size && !runs.length) ? [text] : pieces(text, known, spans(text, runs)));
}

function spans(text, runs) {
  return runs.flatMap((run) => {
    const found = [];
    for (let at = text.indexOf(run); run && at >= 0; at = text.indexOf(run, at + run.length)) found.push([at, at + run.length]);
    return found;
  });
}

function pieces(text, known, peers) {
  let at = 0;
  const made = [];
  let kind = "";
  let gathered = "";
  const end = () => {
    if (gathered) made.push(kind ? h("mark", { class: kind }, gathered) : gathered);
    gathered = "";
  };
  for (const part of words(text)) {
    const inRun = peers.some(([from, to]) => at >= from && at + part.text.length <= to);
    const inReal = known.has(folded(part.word));
    const now = inRun ? (inReal ? "both" : "peer") : inReal ? "real" : "";
    if (now !== kind) {
      end();
      kind = now;
    }
    gathered += part.text;
    at += part.text.length;
  }
  end();
  return made;
}

export function legend() {
  return h("p", { class: "quiet" }, h("mark", { class: "real" }, "words"), " the user's real text has too; ", h("mark", { class: "peer" }, "runs of words"), " that others wrote on this item too; ", h("mark", { class: "both" }, "both"), ".");
}
