// A profile: its statements with their evidence, editing, its versions and the changes between them.

import { announce, choice, doing, field, fill, fold, h, notice, time } from "../dom.js";
import { ApiError, path, readsOnly } from "../api.js";
import { changes } from "./diff.js";
import { recordView } from "./history.js";

// `records` are known ones by id; `where` is filled, and filled again after each change.
export async function showProfile(where, user, records, api) {
  const at = (version) => api.get(path`/v1/users/${user}/profile`, { version });
  const again = async () => {
    await showProfile(where, user, records, api);
    where.querySelector("h2").focus(); // what had the focus is gone
  };
  let profile;
  try {
    profile = await at();
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    return fill(where, h("h2", { tabindex: -1 }, "Profile"), h("p", {}, "There is no profile yet. It is built from records by itself, or written by hand."), !readsOnly() && starting(where, user, api, again));
  }
  const told = h("div");
  fill(
    where,
    h("div", { class: "row middle" }, h("h2", { tabindex: -1 }, "Profile"), h("span", { class: "badge strong" }, `version ${profile.version}`), h("span", { class: "badge" }, profile.origin === "built" ? "built from records" : "written by hand"), profile.stale && h("span", { class: "badge" }, "being renewed")),
    h("p", { class: "quiet" }, `Made ${time(profile.created_ms)}. What it says goes into every text for this user.`),
    h("ul", { class: "statements" }, profile.statements.map((one) => statement(one, user, records))),
    profile.statements.length === 0 && h("p", { class: "quiet" }, "It says nothing: all of its statements were held back or taken out."),
    !readsOnly() && h("div", { class: "row" },
      h("button", { type: "button", onclick: () => edit(where, user, profile, api, again) }, "Edit and pin"),
      rebuild(user, api, told),
    ),
    told,
    h("hr"),
    versions(profile, at, user, api, again),
  );
}

function statement(one, user, records) {
  const compared = one.n_peers ? `compared with ${one.n_peers} others` : "from the user's own records only";
  const about = one.origin === "edited" ? "written by hand" : compared;
  return h("li", {},
    h("div", { class: "prose", dir: "auto" }, one.text),
    h("div", { class: "row middle tight" }, one.pinned && h("span", { class: "badge strong" }, "pinned"), h("span", { class: "quiet small" }, about)),
    one.record_ids.length > 0 && fold(`Evidence: ${one.record_ids.length} of the user's records`, () => evidence(one.record_ids, user, records)),
  );
}

function evidence(ids, user, records) {
  return h("ul", { class: "statements inset" }, ids.map((id) => h("li", {}, records.has(id) ? recordView(records.get(id), user) : [h("bdi", {}, id), h("span", { class: "quiet" }, " is older than the records read here")])));
}

function rebuild(user, api, told) {
  return doing("Rebuild it", async () => {
    await api.post(path`/v1/users/${user}/profile/build`);
    fill(told, notice("good", "It is being rebuilt, which takes some LLM calls. Pinned statements stay."));
  }, { where: told });
}

function starting(where, user, api, again) {
  const told = h("div");
  return [h("div", { class: "row" }, h("button", { type: "button", onclick: () => edit(where, user, { statements: [] }, api, again) }, "Write one"), rebuild(user, api, told)), told];
}

// Editing ------------------------------------------------------------------------------------------------------------

// `read` is the profile that is edited: if it is not the current one any more when saved, nothing is changed.
function edit(where, user, read, api, again) {
  const { statements } = read;
  const list = h("ul", { class: "statements" });
  const told = h("div");
  const rows = [];
  const add = (one, focus) => {
    const row = editable(one, () => {
      const place = rows.indexOf(row);
      rows.splice(place, 1);
      row.item.remove();
      (rows[place] ?? rows.at(-1))?.text.focus();
      announce("The statement is taken out when you save.");
    });
    rows.push(row);
    list.append(row.item);
    if (focus) row.text.focus();
  };
  statements.forEach((one) => add(one));
  if (!statements.length) add({ text: "", pinned: true });
  const save = doing("Save as a new version", async () => {
    const said = rows.map((row) => row.value()).filter((one) => one.text.trim());
    const { version } = await api.put(path`/v1/users/${user}/profile`, { statements: said, read_ms: read.created_ms });
    await again();
    announce(`Saved as version ${version}.`);
  }, { where: told, kind: "main" });
  fill(
    where,
    h("h2", {}, "Edit the profile"),
    h("p", { class: "quiet" }, "A pinned statement stays when the profile is rebuilt. A statement that you change only a little keeps its evidence."),
    list,
    h("div", { class: "row" }, save, h("button", { type: "button", onclick: () => add({ text: "", pinned: true }, true) }, "Add a statement"), h("button", { type: "button", onclick: again }, "Leave it as it is")),
    told,
  );
  list.querySelector("textarea")?.focus();
}

function editable(one, onTakeOut) {
  const text = h("textarea", { value: one.text, maxlength: 10_000, dir: "auto", rows: 3 });
  const pinned = h("input", { type: "checkbox" });
  pinned.checked = one.pinned;
  const item = h("li", {}, field("Statement", text), h("div", { class: "row middle tight" }, h("label", { class: "check" }, pinned, "Pinned"), h("button", { type: "button", class: "small", onclick: onTakeOut }, "Take it out")));
  return { item, text, value: () => ({ text: text.value, pinned: pinned.checked }) };
}

// Versions -----------------------------------------------------------------------------------------------------------

function versions(profile, at, user, api, again) {
  const names = profile.versions.map((one) => [one.version, `Version ${one.version}, ${one.origin === "built" ? "built" : "by hand"}, ${time(one.created_ms)}${one.current ? " (in force)" : ""}`]);
  if (names.length < 2) return [h("h3", {}, "Versions"), h("p", { class: "quiet" }, "This is the only one.")];
  const [newest, before] = [profile.version, profile.versions.find((one) => one.version < profile.version)?.version ?? names[1][0]];
  const place = h("div", { "aria-live": "polite" });
  const told = h("div");
  const left = choice(names, before, () => show());
  const right = choice(names, newest, () => show());
  const back = doing("Make the earlier one current", async () => {
    await api.post(path`/v1/users/${user}/profile/rollback`, { version: Number(left.value) });
    const chosen = left.value;
    await again();
    announce(`Version ${chosen} is in force again.`);
  }, { where: told });
  show();
  return [h("h3", {}, "What changed between two versions"), h("div", { class: "row" }, field("From", left), field("To", right), back), told, place];

  async function show() {
    const [one, other] = await Promise.all([left, right].map((select) => at(select.value)));
    const [from, to] = [one, other].map((found) => found.statements.map((statement) => statement.text));
    const same = from.length === to.length && from.every((text, n) => text === to[n]);
    back.hidden = one.current || readsOnly();
    back.textContent = `Make version ${one.version} current again`;
    fill(place, same ? h("p", { class: "quiet" }, "They say the same.") : h("ul", { class: "changes" }, changes(from, to)));
  }
}
