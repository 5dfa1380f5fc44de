// The playground: a question, its answer with how it was found and what it used, and the same call as programs.

import { ask, at } from "./api.js";
import { FilterBuilder } from "./filter.js";
import { announce, busy, fill, find, make, onSubmit, table } from "./dom.js";
import { cut, number, oneLine, receipt } from "./format.js";
import { programs } from "./programs.js";
import { Mistake, showIn } from "./problem.js";
import { say, settings } from "./settings.js";
import { randomVector, shortVector, vectorOf } from "./vector.js";

const { namespace } = settings;
const problem = showIn(find("problem"));
const form = find("query");
let dimension = null;

/** What a question may be by, and what each adds to the body; the form has a choice and a part for each. */
const KINDS = {
  vector: () => ({ vector: vectorOf(form.vector.value, dimension) }),
  id: () => {
    if (form.elements.id.value === "") throw new Mistake(say("query.no_id"));
    return { id: form.elements.id.value };
  },
};

/** The body of the call that the form says. Throws Mistake. */
function body() {
  const asked = { ...KINDS[form.kind.value](), top_k: Number(form.top_k.value) };
  if (form.choose_recall.checked) asked.recall = Number(form.recall.value);
  if (form.min_score.value !== "") asked.min_score = Number(form.min_score.value);
  const filter = builder.value;
  if (filter !== undefined) asked.filter = filter;
  if (!form.metadata.checked) asked.include_metadata = false;
  if (form.vectors.value !== "no") asked.include_vectors = form.vectors.value === "base64" ? "base64" : true;
  if (form.consistency.value !== "strong") asked.consistency = form.consistency.value;
  return asked;
}

function showPrograms() {
  let texts = null;
  try {
    texts = programs(settings.url + at(namespace, "query"), body());
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
  }
  find("programs").hidden = texts === null;
  for (const [name, text] of Object.entries(texts ?? {})) find(`program-${name}`).textContent = text;
}

const builder = new FilterBuilder(find("filter"), () => { if (dimension !== null) showPrograms(); });

function showKind() {
  for (const kind of Object.keys(KINDS)) find(`by-${kind}`).hidden = form.kind.value !== kind;
}

function matchRow(match, place) {
  return [
    String(place + 1),
    make("a", { href: `${settings.root}/${namespace}/records?id=${encodeURIComponent(match.id)}` }, match.id),
    match.score.toPrecision(7), match.distance.toPrecision(7),
    ...(match.metadata === undefined ? [] : [make("code", {}, cut(oneLine(match.metadata), 400))]),
    ...(match.vector === undefined ? [] : [make("code", {}, shortVector(match.vector))]),
  ];
}

function showAnswer({ json, ms }) {
  const { matches, performance: found, usage } = json;
  const heads = ["place", "id", "score", "distance", ...(form.metadata.checked ? ["metadata"] : []), ...(form.vectors.value === "no" ? [] : ["vector"])];
  fill(find("answer"),
    make("h2", {}, say("query.answer")),
    make("section", { class: "tiles", "aria-label": say("query.how") },
      tile("mode", say(`query.mode_${found.mode}`), say(`query.mode_${found.mode}_what`)),
      tile("time", say("query.ms", { n: found.milliseconds.toFixed(2) }), say("query.round_trip", { n: ms.toFixed(0) })),
      tile("scored", say("query.scored_of", { scored: number(usage.records_scored), matched: number(usage.records_matched) }),
        say("query.places", { segments: found.segments, tail: number(found.tail_rows) })),
      tile("receipt", receipt(usage), usage.cost_usd ? say("query.before_plan") : null)),
    matches.length
      ? table(say("query.answer"), heads.map((name) => say(`query.head_${name}`)), matches.map(matchRow))
      : make("p", { class: "quiet" }, say("query.none")));
  announce(say("query.found", { n: matches.length }));
}

function tile(name, text, small) {
  return make("div", { class: "card" }, make("span", { class: "quiet" }, say(`query.tile_${name}`)), make("strong", {}, text), small ? make("small", {}, small) : null);
}

async function send(button) {
  const asked = body();
  if (button?.value !== "quote") {
    showAnswer(await ask("POST", at(namespace, "query"), { json: asked }));
    return;
  }
  const { json } = await ask("POST", at(namespace, "query"), { json: { ...asked, dry_run: true } });
  fill(find("answer"), make("p", { class: "tick" }, say("query.quoted", { receipt: receipt(json.usage) })));
  announce(say("query.quoted", { receipt: receipt(json.usage) }));
}

async function begin() {
  const { json } = await ask("GET", at(namespace));
  dimension = json.dimension;
  if (dimension === null) {
    announce(say("query.no_vectors"));
    fill(find("answer"), make("p", { class: "quiet" }, say("query.no_vectors")));
    return;
  }
  find("vector-hint").textContent = say("query.vector_hint", { n: dimension });
  form.hidden = false;
  const id = new URLSearchParams(location.search).get("id");
  if (id !== null) {
    form.kind.value = "id";
    form.elements.id.value = id;
  }
  showKind();
  showPrograms();
  announce(say("query.ready"));
}

form.addEventListener("input", (event) => {
  if (event.target.name === "kind") showKind();
  form.recall.disabled = !form.choose_recall.checked;
  find("recall-value").textContent = form.choose_recall.checked ? Number(form.recall.value).toFixed(2) : say("query.recall_default");
  showPrograms();
});
find("random").addEventListener("click", () => {
  form.vector.value = randomVector(dimension).join(", ");
  showPrograms();
});
onSubmit(form, send, problem);
busy(document.querySelector("main"), begin, problem);
