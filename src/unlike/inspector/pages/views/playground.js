// The playground: one request by several methods side by side, streamed, beside the real text.

import { announce, brief, count, decimal, field, fill, fold, h, hashOf, notice, prose } from "../dom.js";
import { chooser, nothing, start } from "../parts/choose.js";
import { legend, marker } from "../parts/marks.js";

const METHODS = {
  non_perso: ["Not personalised", "The item alone, nothing of the user."],
  rag: ["Own records (RAG)", "The user's records that fit the request best, as they are."],
  dpl: ["DPL, now", "Compares with others, sums up, writes: several calls."],
  stored_profile: ["From the profile", "What the service does: the profile built ahead, one call."],
  dep: ["DEP", "Soft vectors of the user's records and of how they differ."],
  pplug: ["PPlug", "One soft vector of the user."],
  prompt_tuning: ["Prompt tuning", "Learned vectors, the same for all users."],
};

export const title = () => "Playground";

export async function render(root, { query }, api) {
  const asked = { user: query.get("user") ?? "", item: query.get("item") ?? "" };
  const first = asked.user && asked.item ? asked : await start(asked.user, api);
  if (!first) return nothing(root);
  history.replaceState(null, "", hashOf("playground", first));
  let going = null;
  const table = h("div");
  fill(root,
    h("p", {}, "Write about an item as several methods would, for one user. About an item the user wrote on, nothing from that moment on is shown to the LLM."),
    await chooser(first, (user, item) => (location.hash = hashOf("playground", { user, item })), api),
    table);
  const options = await api.get("/v1/playground", { user_id: first.user, item_id: first.item });
  fill(table, requestForm(options, api, (controller) => { going?.abort(); going = controller; }));
  return () => going?.abort();
}

function requestForm(options, api, onStart) {
  const { real } = options;
  const number = (value, more) => h("input", { type: "number", value, ...more });
  const inputs = {
    title: h("input", { value: real?.title ?? "", maxlength: 2000 }),
    rating: number(real?.rating ?? "", { step: "any" }),
    max_tokens: number(300, { min: 1, max: 32768, required: true }),
    temperature: number(0.8, { min: 0, max: 2, step: 0.1, required: true }),
    seed: number(0, { min: 0, required: true }),
  };
  const boxes = options.methods.map((choice) => methodBox(choice));
  const panels = h("div", { class: "panels" });
  const told = h("div");
  const write = h("button", { type: "submit", class: "main" }, "Write");
  const stop = h("button", { type: "button", disabled: true }, "Stop");
  const form = h("form", { class: "card", onsubmit: start },
    h("h2", { dir: "auto" }, brief(options.item_title, 120) || options.item_id),
    h("div", { class: "row" }, field("Title of the text", inputs.title), field("Rating", inputs.rating), field("New tokens at most", inputs.max_tokens), field("Temperature", inputs.temperature), field("Seed", inputs.seed)),
    h("fieldset", {}, h("legend", {}, "Methods"), h("div", { class: "methods" }, boxes.map((one) => one.label))),
    h("div", { class: "row" }, write, stop),
  );
  return [form, told, legend(), realText(options), panels];

  function start(event) {
    event.preventDefault();
    const methods = boxes.filter((one) => one.box.checked).map((one) => one.choice);
    if (!methods.length) return fill(told, notice("warning", "Choose a method first."));
    fill(told);
    const controller = new AbortController();
    onStart(controller);
    const body = {
      user_id: options.user_id, item_id: options.item_id, title: inputs.title.value, rating: inputs.rating.value === "" ? null : Number(inputs.rating.value),
      max_tokens: Number(inputs.max_tokens.value), temperature: Number(inputs.temperature.value), seed: Number(inputs.seed.value), stream: true,
    };
    const started = methods.map((choice) => panel(choice, body, options, api, controller.signal));
    fill(panels, started.map((one) => one.element));
    write.disabled = true;
    stop.disabled = false;
    stop.onclick = () => controller.abort();
    Promise.allSettled(started.map((one) => one.done)).then(() => {
      write.disabled = false;
      stop.disabled = true;
      announce(controller.signal.aborted ? "Stopped." : "All methods have written.");
    });
  }
}

function methodBox(choice) {
  const box = h("input", { type: "checkbox", disabled: Boolean(choice.why_not) });
  box.checked = !choice.why_not;
  const [name, words] = METHODS[choice.method] ?? [choice.method, ""];
  return { choice, box, label: h("label", { class: "check top" }, box, h("span", {}, name, h("span", { class: "quiet small block" }, choice.why_not ? `Not for this request: ${choice.why_not}.` : words))) };
}

function realText(options) {
  if (!options.real) return h("p", { class: "quiet" }, "The user has written nothing on this item that may be shown, so there is no real text to compare with.");
  return h("section", { class: "card real" }, h("h2", {}, "What the user really wrote"), options.real.title && h("strong", { class: "prose", dir: "auto" }, brief(options.real.title, 200)), prose(options.real.text));
}

// One method -----------------------------------------------------------------------------------------------------------

function panel(choice, body, options, api, signal) {
  const [name] = METHODS[choice.method] ?? [choice.method];
  const state = h("p", { class: "quiet", role: "status" }, "waiting …");
  const text = h("div");
  const steps = h("div");
  const prompts = [];
  const element = h("section", { class: "card panel", "aria-label": name, data: { method: choice.method } }, h("h2", {}, name), choice.note && h("p", { class: "quiet small" }, `Mind: ${choice.note}.`), state, text, steps);
  let written = "";
  let failed = "";
  const heard = {
    prompt: (one) => {
      prompts.push(one);
      state.textContent = ["generate", "soft", "soft_turns"].includes(one.step) ? "writing …" : `step: ${one.step} …`;
    },
    piece: (one) => {
      written += one.text;
      text.className = "prose";
      text.dir = "auto";
      text.textContent = written;
    },
    done: (one) => fill(text, prose(one.text, { marked: marker(options.real?.text, one.shared) })) && fill(state, figures(one)),
    error: (one) => (failed = one.error.message),
  };
  const done = api
    .stream("/v1/playground", { ...body, method: choice.method }, (event, data) => heard[event]?.(data), signal)
    .catch((error) => (failed = error.name === "AbortError" ? "stopped" : error.message))
    .then(() => {
      if (failed) fill(state, failed === "stopped" ? "Stopped." : notice("problem", failed));
      if (prompts.length) fill(steps, fold(`The exact prompts (${prompts.length})`, () => prompts.map(promptView)));
    });
  return { element, done };
}

function figures(one) {
  const calls = `${count(one.n_calls)} call${one.n_calls === 1 ? "" : "s"}${one.n_kept ? ` and ${count(one.n_kept)} kept from before` : ""}`;
  const why = one.why && `${one.why[0].toUpperCase()}${one.why.slice(1)}. `;
  return `${why}${count(one.prompt_tokens)} + ${count(one.completion_tokens)} tokens, ${decimal(one.wall_s, 1)} s, ${calls}`;
}

function promptView({ step, messages }) {
  return messages.map((message) => [h("h3", {}, `${step} · ${message.role}`), h("pre", { tabindex: 0, dir: "auto", role: "region", "aria-label": `${message.role} of ${step}` }, message.content)]);
}
