// The prompts that were kept of calls for a user, as a list in pages.

import { announce, fill, fold, h, notice, pager, time } from "../dom.js";
import { path } from "../api.js";

const LIMIT = 10;

// The messages of a prompt.
export function messageList(messages) {
  return messages.map((message) => [h("h3", {}, message.role), h("pre", { class: "prompt", dir: "auto", tabindex: 0, role: "region", "aria-label": `Message of ${message.role}` }, message.content)]);
}

// Made when the fold is opened, since reading prompts needs a key that may administer, and is in the audit log.
export function promptList(user, api) {
  const place = h("div", { "aria-live": "polite" }, h("p", { class: "quiet" }, "Reading the prompts …"));
  show(0);
  return place;

  function show(offset) {
    return api.get(path`/v1/users/${user}/prompts`, { offset, limit: LIMIT }).then(
      (page) => fill(
        place,
        !page.total && h("p", { class: "quiet" }, "None is kept. With keep_prompts = true in the settings they are, from the next call on."),
        page.rows.map((one) => fold(`${time(one.created_ms)}: ${one.step}${one.shows_others ? ", with records of others" : ""} (${one.model})`, () => messageList(one.messages))),
        page.total > LIMIT && pager({ offset, limit: LIMIT, total: page.total, onPage: (to) => show(to).then(() => announce(`prompts from ${to + 1}`)) }),
      ),
      (error) => error.name !== "AbortError" && fill(place, notice("problem", error.message)),
    );
  }
}
