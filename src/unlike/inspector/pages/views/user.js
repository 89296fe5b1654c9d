// A user: uniqueness, records, profile with its evidence, and consent.

import { announce, brief, count, decimal, day, doing, download, field, fill, fold, h, hashOf, notice } from "../dom.js";
import { offers, path, readsOnly } from "../api.js";
import { historyPlot, recordList } from "../parts/history.js";
import { showProfile } from "../parts/profile.js";
import { promptList } from "../parts/prompts.js";
import { uniquenessCard } from "../parts/uniqueness.js";

const LATEST = 200;

export const title = ({ user }) => brief(user);

export async function render(root, { user }, api) {
  const [consent, unlike, latest] = await Promise.all([
    api.get(path`/v1/users/${user}/consent`),
    api.get(path`/v1/users/${user}/uniqueness`),
    api.get(path`/v1/users/${user}/records`, { limit: LATEST }),
  ]);
  const records = new Map(latest.rows.map((record) => [record.id, record]));
  const profile = h("section", { class: "card" });
  fill(
    root,
    h("dl", { class: "facts" },
      fact("Records", count(latest.total)),
      fact("Last record", latest.rows.length ? day(latest.rows[0].timestamp) : "–"),
      fact("Uniqueness", decimal(unlike.distance)),
      fact("More unlike than", unlike.share_below === null ? "–" : `${Math.round(100 * unlike.share_below)} %`),
    ),
    h("div", { class: "row" },
      offers("map") && h("a", { class: "button", href: hashOf("map", user) }, "Maps of items"),
      offers("playground") && h("a", { class: "button", href: hashOf("playground", { user }) }, "Try methods in the playground"),
    ),
    h("div", { class: "columns gap" },
      h("section", { class: "card" }, h("h2", {}, "How unlike the others"), await uniquenessCard(unlike)),
      h("section", { class: "card" }, h("h2", {}, "History"), latest.rows.length ? await historyPlot(latest.rows) : h("p", { class: "quiet" }, "There are no records.")),
    ),
    profile,
    h("section", { class: "card" }, h("h2", {}, "Prompts"), fold("What was sent to the LLM for this user", () => promptList(user, api))),
    h("section", { class: "card" }, h("h2", {}, "Records"), await recordList(user, api)),
    h("div", { class: "columns gap" }, consentCard(user, consent, profile, records, api), leaveCard(root, user, api)),
  );
  await showProfile(profile, user, records, api);
}

function fact(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

// Consent ------------------------------------------------------------------------------------------------------------

function consentCard(user, consent, profile, records, api) {
  const told = h("div");
  const one = (name, words, hint) => {
    const box = h("input", { type: "checkbox", role: "switch", disabled: readsOnly() });
    box.checked = consent[name];
    box.addEventListener("change", async () => {
      box.disabled = true;
      try {
        const now = await api.put(path`/v1/users/${user}/consent`, { [name]: box.checked });
        fill(told, notice("good", now[name] ? "Noted." : "Noted; what it no longer allows is deleted."));
        await showProfile(profile, user, records, api);
      } catch (error) {
        box.checked = !box.checked;
        if (error.name !== "AbortError") fill(told, notice("problem", error.message));
      } finally {
        box.disabled = false;
      }
    });
    return [h("label", { class: "check" }, box, words), h("p", { class: "quiet small" }, hint)];
  };
  return h("section", { class: "card" },
    h("h2", {}, "What this user agrees to"),
    one("own", "Own records for own texts", "Without it there is no profile, and texts are not personalised."),
    one("peer", "To be compared with others", "Without it no prompt, map or clustering of others contains a record of this user."),
    told,
  );
}

// Export and erasure ----------------------------------------------------------------------------------------------------

function leaveCard(root, user, api) {
  const told = h("div");
  const typed = h("input", { autocomplete: "off", spellcheck: false });
  const erase = doing("Erase this user", async () => {
    const receipt = await api.del(path`/v1/users/${user}`);
    showReceipt(root, user, receipt);
  }, { where: told, kind: "danger" });
  erase.disabled = true;
  typed.addEventListener("input", () => (erase.disabled = typed.value !== user));
  const take = doing("Download all stored data", async () => {
    download("export.json", JSON.stringify(await api.get(path`/v1/users/${user}/export`), null, 2));
  }, { where: told });
  return h("section", { class: "card" },
    h("h2", {}, readsOnly() ? "Export" : "Export and erasure"),
    h("div", { class: "row" }, take),
    readsOnly() ? null : [h("p", {}, "Erasure deletes the user's records, profiles, jobs and key, and everything of others that was derived from them. It cannot be undone."),
    h("div", { class: "row" }, field("Type the user's id to erase", typed), erase)],
    told,
  );
}

function showReceipt(root, user, receipt) {
  const text = JSON.stringify(receipt, null, 2);
  fill(
    root,
    notice("good", "The user is erased. This signed receipt says what went; it holds no text and no id."),
    h("div", { class: "row" }, h("button", { type: "button", class: "main", onclick: () => download("receipt.json", text) }, "Download the receipt"), h("a", { class: "button", href: hashOf("users") }, "Back to the users")),
    h("pre", { tabindex: 0, role: "region", "aria-label": "Receipt" }, text),
    h("p", { class: "quiet" }, h("code", {}, "unlike erase --verify receipt.json"), " checks it."),
  );
  announce("The user is erased; the receipt is shown.");
  window.scrollTo(0, 0);
}
