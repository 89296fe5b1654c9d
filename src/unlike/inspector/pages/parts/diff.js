// What changed between two lists of sentences, and between two sentences, word by word.

import { h } from "../dom.js";

// The longest common subsequence, as [[i, j]] of equal places.
function common(left, right) {
  const best = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      best[i][j] = left[i] === right[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
    }
  }
  const places = [];
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    if (left[i] === right[j]) places.push([i++, j++]);
    else if (best[i + 1][j] >= best[i][j + 1]) i++;
    else j++;
  }
  return places;
}

// Runs of [kind, pieces]: "same", "gone" or "new".
function runs(left, right) {
  const found = [];
  let i = 0;
  let j = 0;
  for (const [a, b] of [...common(left, right), [left.length, right.length]]) {
    if (i < a) found.push(["gone", left.slice(i, a)]);
    if (j < b) found.push(["new", right.slice(j, b)]);
    if (a < left.length) found.push(["same", [left[a]]]);
    i = a + 1;
    j = b + 1;
  }
  return found;
}

const SIGNS = { gone: ["del", "taken out: "], new: ["ins", "put in: "] };

function marked(kind, text) {
  if (kind === "same") return text;
  const [tag, said] = SIGNS[kind];
  return h(tag, {}, h("span", { class: "unseen" }, said), text);
}

// Items of a list of what changed between two versions of a profile.
export function changes(before, after) {
  const items = [];
  const found = runs(before, after);
  for (let n = 0; n < found.length; n++) {
    const [kind, texts] = found[n];
    const [nextKind, nextTexts] = found[n + 1] ?? [];
    if (kind === "gone" && nextKind === "new") {
      items.push(...paired(texts, nextTexts));
      n++;
    } else items.push(...texts.map((text) => item(kind, marked(kind, text))));
  }
  return items;
}

const item = (kind, ...words) => h("li", { class: `change ${kind}`, dir: "auto" }, words);

// Replaced sentences: word by word where they have enough in common.
function paired(before, after) {
  return Array.from({ length: Math.max(before.length, after.length) }, (_, n) => {
    if (before[n] === undefined) return item("new", marked("new", after[n]));
    if (after[n] === undefined) return item("gone", marked("gone", before[n]));
    const [left, right] = [before[n], after[n]].map((text) => text.split(/(\s+)/).slice(0, 2000));
    const parts = runs(left, right);
    const same = parts.filter(([kind, [piece]]) => kind === "same" && piece.trim()).length;
    if (same < Math.max(left.length, right.length) / 6) return [item("gone", marked("gone", before[n])), item("new", marked("new", after[n]))];
    return item("both", parts.map(([kind, pieces]) => marked(kind, pieces.join(""))));
  }).flat();
}
