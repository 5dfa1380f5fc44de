// The playground: a real question to a real server, its answer, what it took and cost, and the same call as programs.
// Which server, which namespace and which key is told beside the page, where there is one to ask.

import { programs } from "./programs.js";
import { QUESTIONS } from "./questions.js";

const TOLD_AT = new URL("../../playground.json", import.meta.url);
const form = document.querySelector("form[data-playground]");
const part = (name) => form.parentElement.querySelector(`[data-part="${name}"]`);
const NUMBER = new Intl.NumberFormat("en");
let place = null;

/** The body of the call that the form says. */
function body(likeId) {
  const field = form.elements;
  const asked = { top_k: Number(field.top_k.value), include_metadata: true };
  if (likeId !== undefined) asked.id = likeId;
  else {
    if (field.mode.value !== "words") asked.vector = QUESTIONS[field.question.value];
    if (field.mode.value !== "meaning") asked.text = { query: field.words.value };
    if (field.mode.value === "both") asked.explain = true;
  }
  if (field.mode.value !== "words") asked.recall = Number(field.recall.value);
  const filter = {};
  if (field.kind.value !== "") filter.kind = field.kind.value;
  if (field.module.value.trim() !== "") filter.module = { $prefix: field.module.value.trim() };
  if (Object.keys(filter).length > 0) asked.filter = filter;
  return asked;
}

async function ask(likeId) {
  const asked = body(likeId);
  const begun = performance.now();
  let answer;
  wait(true);
  try {
    answer = await fetch(`${place.url}/v1/namespaces/${place.namespace}/query`, {
      method: "POST",
      headers: { Authorization: `Bearer ${place.key}`, "Content-Type": "application/json" },
      body: JSON.stringify(asked),
    });
  } catch {
    return say("The server cannot be reached. Is it still running?");
  } finally {
    wait(false);
  }
  const took = performance.now() - begun;
  const found = await answer.json();
  if (!answer.ok) return say([found.detail ?? found.title, found.hint].filter(Boolean).join(" "));
  say("");
  showWork(found, took);
  part("matches").replaceChildren(...found.matches.map(match));
  showPrograms(asked);
}

function match(one) {
  const { name, signature, summary } = one.metadata;
  const item = element("li");
  item.append(element("code", `${name}${signature ?? ""}`), element("p", summary));
  const parts = Object.entries(one.explain ?? {}).map(([kind, { rank }]) => `${kind === "text" ? "words" : "meaning"}: place ${rank}`);
  const figures = element("small", [`score ${one.score.toFixed(4)}`, ...parts].join(" · "));
  const like = element("button", "more like this");
  like.type = "button";
  like.addEventListener("click", () => ask(one.id));
  item.append(figures, like);
  return item;
}

function showWork(found, took) {
  const { performance: work, usage } = found;
  const units = `${NUMBER.format(usage.read_units)} read unit${usage.read_units === 1 ? "" : "s"}`;
  const receipt = usage.cost_usd === undefined ? units : `${units}, ${usage.cost_usd} dollars`;
  const facts = [
    ["In the database", `${work.milliseconds.toFixed(2)} ms`],
    ["Until it was here", `${took.toFixed(0)} ms`],
    ["How", work.mode === "exact" ? "exact: nothing better can have been missed" : "approximate"],
    ["Scored", `${NUMBER.format(work.rows_scored)} of ${NUMBER.format(usage.records_matched)} records`],
    ["Receipt", receipt],
  ];
  part("work").replaceChildren(...facts.flatMap(([name, text]) => [element("dt", name), element("dd", text)]));
}

function showPrograms(asked) {
  const url = `${place.url || location.origin}/v1/namespaces/${place.namespace}/query`;
  for (const [name, text] of Object.entries(programs(url, asked))) part(name).textContent = text;
  part("programs").hidden = false;
}

function showChoices() {
  const { mode, recall, words, question } = form.elements;
  words.disabled = mode.value === "meaning";
  question.disabled = mode.value === "words";
  recall.disabled = mode.value === "words";
  part("recall").textContent = recall.value === "1" ? "exact" : `${Math.round(recall.value * 100)} %`;
}

/** A first answer may take a second: whoever waits sees that something happens. */
function wait(yes) {
  const button = form.querySelector("button");
  button.disabled = yes;
  button.textContent = yes ? "Searching…" : "Search";
}

function say(text) {
  part("problem").textContent = text;
  part("problem").hidden = text === "";
}

function element(kind, text = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

async function begin() {
  const told = await fetch(TOLD_AT).catch(() => null);
  if (told === null || !told.ok) return;
  place = await told.json();
  part("away").hidden = true;
  form.hidden = false;
  for (const text of Object.keys(QUESTIONS)) form.elements.question.append(new Option(text));
  form.elements.words.value = form.elements.question.value;
  form.elements.question.addEventListener("change", () => { form.elements.words.value = form.elements.question.value; });
  form.addEventListener("input", showChoices);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  showChoices();
  await ask();
}

if (form !== null) begin();
