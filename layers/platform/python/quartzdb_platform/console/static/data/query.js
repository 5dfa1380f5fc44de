// The playground: a question, its answer with how it was found and what it used, and the same call as programs.

import { ask, at } from "./api.js";
import { FilterBuilder } from "./filter.js";
import { announce, busy, fill, find, make, onSubmit, table } from "./dom.js";
import { cut, number, oneLine, receipt } from "./format.js";
import { programs } from "./programs.js";
import { Mistake, showIn } from "./problem.js";
import { say, settings } from "./settings.js";
import { holdsRecords, randomVector, shortVector, vectorOf } from "./vector.js";

const { namespace } = settings;
const problem = showIn(find("problem"));
const form = find("query");
let dimension = null;
let fields = []; // that are searched as text
let sparseFields = [];
const SPARSE_EXAMPLE = '{"indices": [3, 17], "values": [0.5, 1.25]}';

/** What a question may be by, and what each adds to the body; the form has a choice and a part for each. */
const KINDS = {
  none: () => {
    if (words() === "" && !hasSparse()) throw new Mistake(say("query.no_words"));
    return {};
  },
  vector: () => ({ vector: vectorOf(form.vector.value, dimension) }),
  id: () => {
    if (form.elements.id.value === "") throw new Mistake(say("query.no_id"));
    return { id: form.elements.id.value };
  },
};

const words = () => (fields.length ? form.elements.text.value.trim() : "");
const hasSparse = () => sparseFields.length > 0 && form.sparse.value.trim() !== "";
const isNear = () => form.kind.value !== "none";
/** Whether a vector and words become one ranking, for which weights can be chosen. */
const isHybrid = () => words() !== "" && isNear() && !hasSparse();

/** What a sparse vector adds. Throws Mistake. */
function sparsePart() {
  if (!hasSparse()) return {};
  try {
    const { indices, values } = JSON.parse(form.sparse.value);
    if (Array.isArray(indices) && Array.isArray(values)) return { sparse: { field: form.sparse_field.value, indices, values } };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new Mistake(say("query.sparse_wrong", { example: SPARSE_EXAMPLE }));
}

/** What the words add, alone or beside what is near. */
function textPart() {
  const explain = (words() !== "" || isNear()) && hasSparse() ? { explain: true } : {};
  if (words() === "") return explain;
  const text = { text: { query: words() }, ...explain };
  if (!isHybrid()) return text;
  const share = Number(form.share.value);
  // A rest of a subtraction is a long number: 1 - 0.7.
  const weights = { method: "weighted", vector: share, text: Number((1 - share).toFixed(2)) };
  return { ...text, ...(form.elements.fusion.value === "weighted" ? { fusion: weights } : {}), explain: true };
}

/** The body of the call that the form says. Throws Mistake. */
function body() {
  const asked = { ...KINDS[form.kind.value](), ...textPart(), ...sparsePart(), top_k: Number(form.top_k.value) };
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

const builder = new FilterBuilder(find("filter"), () => { if (!form.hidden) showPrograms(); });

function showKind() {
  for (const kind of ["vector", "id"]) find(`by-${kind}`).hidden = form.kind.value !== kind;
  find("fusion").hidden = !isHybrid();
  form.share.disabled = form.elements.fusion.value !== "weighted";
  find("share-value").textContent = form.share.disabled ? "" : say("query.share_is", { vector: form.share.value, text: (1 - form.share.value).toFixed(2) });
}

/** In which place a match is for each part that found it: "vector 3, text 1". */
function foundBy(explain) {
  return ["vector", "text", "sparse"].filter((part) => explain[part]).map((part) => say(`query.found_by_${part}`, { rank: explain[part].rank, score: explain[part].score.toPrecision(4) })).join(", ");
}

function matchRow(match, place) {
  return [
    String(place + 1),
    make("a", { href: `${settings.root}/${namespace}/records?id=${encodeURIComponent(match.id)}` }, match.id),
    match.score.toPrecision(7),
    ...(match.distance === undefined ? [] : [match.distance.toPrecision(7)]),
    ...(match.explain === undefined ? [] : [foundBy(match.explain)]),
    ...(match.metadata === undefined ? [] : [make("code", {}, cut(oneLine(match.metadata), 400))]),
    ...(match.vector === undefined ? [] : [make("code", {}, shortVector(match.vector))]),
  ];
}

function showAnswer({ json, ms }) {
  const { matches, performance: found, usage } = json;
  const [first] = matches;
  const heads = ["place", "id", "score", ...(first?.distance === undefined ? [] : ["distance"]), ...(first?.explain === undefined ? [] : ["found_by"]), ...(form.metadata.checked ? ["metadata"] : []), ...(first?.vector === undefined ? [] : ["vector"])];
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
  fields = Object.keys(json.text ?? {});
  sparseFields = json.sparse ?? [];
  if (!holdsRecords(json)) {
    announce(say("query.no_vectors"));
    fill(find("answer"), make("p", { class: "quiet" }, say("query.no_vectors")));
    return;
  }
  find("vector-hint").textContent = say("query.vector_hint", { n: dimension });
  find("words").hidden = fields.length === 0;
  find("sparse-part").hidden = sparseFields.length === 0;
  find("sparse-which").hidden = sparseFields.length < 2;
  find("kind-none").hidden = fields.length === 0 && sparseFields.length === 0;
  fill(form.sparse_field, ...sparseFields.map((name) => make("option", { value: name }, name)));
  find("sparse-hint").textContent = say("query.sparse_hint", { example: SPARSE_EXAMPLE, fields: sparseFields.join(", ") });
  find("text-hint").textContent = say("query.text_hint", { fields: fields.join(", ") });
  find("near").hidden = dimension === null;
  if (fields.length || dimension === null) form.kind.value = "none";
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
  showKind();
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
