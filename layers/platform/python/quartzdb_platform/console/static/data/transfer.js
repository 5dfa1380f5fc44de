// The page of import and export.

import { ask, at } from "./api.js";
import { announce, busy, fill, find, make, onSubmit, table } from "./dom.js";
import { exportRecords, sinkOf } from "./exporter.js";
import { FilterBuilder } from "./filter.js";
import { bytes, cut, number, oneLine } from "./format.js";
import { Import, REFUSED_KEPT_MAX } from "./importer.js";
import { TARGETS, TYPES, likely, recordOf } from "./mapping.js";
import { Mistake, showIn } from "./problem.js";
import { formatOf, rowsOf } from "./rows.js";
import { say, settings } from "./settings.js";
import { holdsRecords } from "./vector.js";

const SAMPLE_ROWS = 20;
const REFUSED_SHOWN_MAX = 100;
const main = document.querySelector("main");
const problem = showIn(find("problem"));
let namespace = null;
let mapping = [];
let sample = [];
let running = null;

// Import

const source = find("source");
const importProblem = showIn(find("import-problem") ?? document.createElement("p"));
const chosen = () => source.file.files[0];
const formatChosen = () => (source.format.value === "guess" ? formatOf(chosen().name) : source.format.value);

/** Read the first rows, and offer what is likely meant by each column. */
async function look() {
  if (!chosen()) throw new Mistake(say("transfer.no_file"));
  if (running?.state === "running") throw new Mistake(say("transfer.busy"));
  if (["paused", "stopped"].includes(running?.state)) running.cancel();
  find("mapped").hidden = true;
  sample = [];
  for await (const row of rowsOf(chosen(), formatChosen())) {
    sample.push(row);
    if (sample.length === SAMPLE_ROWS) break;
  }
  const rows = sample.filter((row) => row.values).map((row) => row.values);
  if (rows.length === 0) throw new Mistake(sample[0]?.wrong ?? say("transfer.empty"));
  mapping = likely([...new Set(rows.flatMap((row) => Object.keys(row)))], rows, namespace.dimension);
  drawMapping(rows);
  find("mapped").hidden = false;
  find("mapped").querySelector("h2").focus();
  announce(say("transfer.read", { n: mapping.length }));
}

function drawMapping(rows) {
  const select = (label, options, value, word, set) => {
    const element = make("select", { "aria-label": label, onchange: () => { set(element.value); preview(); } },
      options.map((one) => make("option", { value: one, selected: one === value }, say(word + one))));
    return element;
  };
  const textOf = (value) => (value === undefined ? "" : cut(typeof value === "string" ? value : oneLine(value), 60));
  fill(find("columns"), table(say("transfer.columns"), ["column", "first", "becomes", "type", "field"].map((name) => say(`transfer.head_${name}`)),
    mapping.map((column) => {
      const field = make("input", {
        value: column.field, "aria-label": say("transfer.field_of", { name: column.name }), autocomplete: "off", spellcheck: "false", disabled: column.target !== "field",
        oninput: () => { column.field = field.value; preview(); },
      });
      const type = select(say("transfer.type_of", { name: column.name }), TYPES, column.type, "transfer.type_", (value) => { column.type = value; });
      type.disabled = column.target !== "field";
      const target = select(say("transfer.target_of", { name: column.name }), TARGETS, column.target, "transfer.target_", (value) => {
        column.target = value;
        field.disabled = value !== "field";
        type.disabled = value !== "field";
      });
      return [column.name, make("code", {}, textOf(rows[0][column.name])), target, type, field];
    })));
  preview();
}

/** What the first rows become. */
function preview() {
  fill(find("preview"), sample.slice(0, 3).map((row) => {
    let text;
    try {
      if (row.wrong) throw new Mistake(row.wrong);
      const { id, metadata } = recordOf(row.values, mapping, namespace.dimension);
      text = say(namespace.dimension === null ? "transfer.becomes_words" : "transfer.becomes", { id, dimension: namespace.dimension, metadata: oneLine(metadata) });
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      text = say("transfer.refused_line", { line: row.line, reason: error.message });
    }
    return make("li", {}, text);
  }));
}

async function* from(rows, first) {
  for await (const row of rows) if (row.line >= first) yield row;
}

async function begin() {
  if (["running", "paused", "stopped"].includes(running?.state)) throw new Mistake(say("transfer.busy"));
  const file = chosen();
  const columns = mapping.map((column) => ({ ...column }));
  const { dimension } = namespace;
  let seen = 0;
  const rows = from(rowsOf(file, formatChosen(), (n) => { seen = n; }), Number(find("start").first.value || 1));
  const bar = make("progress", { max: file.size, value: 0, "aria-label": say("transfer.progress") });
  const figures = make("p", {});
  const error = make("p", { class: "problem", role: "alert", hidden: true });
  const refused = make("div");
  const button = (word, work, style = "quiet") => make("button", { type: "button", class: style, onclick: work }, say(`transfer.${word}`));
  const pause = button("pause", () => running.pause());
  const resume = button("resume", () => running.run(), null);
  const cancel = button("cancel", () => running.cancel());
  let drawn = 0;
  let told = "";
  function changed() {
    const { state, written, units, dollars } = running;
    if (state === "running" && performance.now() - drawn < 100) return;
    drawn = performance.now();
    bar.value = state === "done" ? file.size : seen;
    const cost = dollars ? say("transfer.cost", { dollars: dollars.toFixed(6) }) : "";
    figures.textContent = say("transfer.figures", { written: number(written), refused: number(running.refused), size: bytes(seen), of: bytes(file.size), units: number(units), cost });
    pause.hidden = state !== "running";
    resume.hidden = !["paused", "stopped"].includes(state);
    cancel.hidden = !["running", "paused", "stopped"].includes(state);
    find("begin").disabled = !["done", "cancelled"].includes(state);
    showIn(error)(running.error);
    if (state !== told) {
      told = state;
      announce(say(`transfer.state_${state}`, { written: number(written), refused: number(running.refused) }));
      if (state !== "running") showRefused(refused);
    }
  }
  fill(find("progress"), bar, figures, error, make("p", { class: "inline" }, pause, resume, cancel), refused);
  running = new Import(namespace.name, rows, (values) => recordOf(values, columns, dimension), changed);
  await running.run();
}

function showRefused(element) {
  const { kept, refused } = running;
  const load = () => {
    const lines = kept.map((one) => `${JSON.stringify(one)}\n`);
    const url = URL.createObjectURL(new Blob(lines, { type: "application/octet-stream" }));
    make("a", { href: url, download: "refused.jsonl" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  };
  fill(element, kept.length === 0 ? null : [
    make("h2", {}, say("transfer.refused", { n: number(refused) })),
    table(say("transfer.refused", { n: number(refused) }), [say("transfer.head_line"), say("transfer.head_reason")],
      kept.slice(0, REFUSED_SHOWN_MAX).map((one) => [number(one.line), one.reason])),
    refused > REFUSED_SHOWN_MAX ? make("p", { class: "quiet" }, say("transfer.refused_cut", { shown: REFUSED_SHOWN_MAX, kept: number(REFUSED_KEPT_MAX) })) : null,
    make("button", { type: "button", class: "quiet", onclick: load }, say("transfer.refused_load")),
  ]);
}

// Export

const builder = new FilterBuilder(find("filter"));

async function run() {
  const filter = builder.value;
  const name = `${namespace.name}.jsonl`;
  const sink = await sinkOf(name); // first, as a browser shows its dialogue only right after a press
  const aborting = new AbortController();
  const bar = make("progress", { "aria-label": say("transfer.progress") });
  const figures = make("p", {});
  // Not disabled with the others of the form, since it is made after they were.
  const stop = make("button", { type: "button", class: "quiet", onclick: () => aborting.abort() }, say("transfer.cancel"));
  fill(find("exported"), bar, figures, stop);
  try {
    const { json } = await ask("POST", at(namespace.name, "vectors", "count"), { json: { filter }, signal: aborting.signal });
    bar.max = Math.max(json.count, 1);
    let units = 0;
    const count = await exportRecords(namespace, filter, sink, (n, usage) => {
      units += usage.read_units;
      bar.value = n;
      figures.textContent = say("transfer.exporting", { n: number(n), of: number(json.count), units: number(units) });
    }, aborting.signal);
    await sink.close();
    bar.value = bar.max;
    stop.remove();
    announce(say("transfer.exported", { n: number(count) }));
    figures.textContent = say("transfer.exported_units", { n: number(count), name, units: number(units) });
  } catch (error) {
    await sink.abort();
    fill(find("exported"));
    throw error.name === "AbortError" ? new Mistake(say("transfer.export_cancelled")) : error;
  }
}

async function open() {
  namespace = (await ask("GET", at(settings.namespace))).json;
  if (!holdsRecords(namespace)) {
    problem(new Mistake(say("transfer.no_vectors")));
    return;
  }
  find("both").hidden = false;
  announce(say("transfer.ready"));
}

if (source) {
  onSubmit(source, look, importProblem);
  source.file.addEventListener("change", () => { if (chosen()) busy(source, look, importProblem); });
  // Not waited for: the form is of use again before all is sent.
  onSubmit(find("start"), () => { begin().catch(importProblem); }, importProblem);
  addEventListener("beforeunload", (event) => { if (running?.state === "running") event.preventDefault(); });
}
onSubmit(find("export"), run, showIn(find("export-problem")));
busy(main, open, problem);
