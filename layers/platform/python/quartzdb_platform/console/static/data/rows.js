// Rows of a file, one after the other, without the whole of it in memory: CSV, JSON lines, Parquet.

import { Mistake } from "./problem.js";
import { say } from "./settings.js";

const LINE_CHARACTERS_MAX = 16 * 1024 * 1024;

/** What a file's name says that it is; CSV where it says nothing. */
export function formatOf(name) {
  const plain = name.toLowerCase().replace(/\.gz$/, "");
  if (plain.endsWith(".parquet")) return "parquet";
  return /\.(jsonl|ndjson|json)$/.test(plain) ? "jsonl" : "csv";
}

/** {line, values}, or {line, wrong} for one that cannot be read. `seen` is told how many bytes of the file were read. */
export async function* rowsOf(file, format, seen = () => {}) {
  if (format === "parquet") {
    const { parquetRows } = await import("./parquet.js");
    yield* parquetRows(file, seen);
  } else {
    yield* (format === "jsonl" ? jsonRows : csvRows)(textOf(file, seen));
  }
}

async function* textOf(file, seen) {
  let bytes = 0;
  const counted = new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      seen(bytes);
      controller.enqueue(chunk);
    },
  });
  let stream = file.stream().pipeThrough(counted);
  if (file.name.toLowerCase().endsWith(".gz")) stream = stream.pipeThrough(new DecompressionStream("gzip"));
  const reader = stream.pipeThrough(new TextDecoderStream("utf-8", { fatal: true })).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw new Mistake(say("rows.no_text", { why: error.message }));
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function* jsonRows(texts) {
  let rest = "";
  let line = 0;
  function* read(text) {
    line += 1;
    if (text.trim() === "") return;
    try {
      const values = JSON.parse(text);
      if (values === null || typeof values !== "object" || Array.isArray(values)) yield { line, wrong: say("rows.no_object") };
      else if (!("quartzdb_export" in values)) yield { line, values };
    } catch (error) {
      yield { line, wrong: say("rows.no_json", { why: error.message }) };
    }
  }
  for await (const text of texts) {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    if (rest.length > LINE_CHARACTERS_MAX) throw new Mistake(say("rows.line_too_long", { line: line + lines.length + 1 }));
    for (const one of lines) yield* read(one);
  }
  yield* read(rest);
}

/** Which of the usual characters stands between cells: the most frequent of the first line. */
function delimiterOf(text) {
  const first = text.slice(0, 65_536).split("\n")[0].replace(/"[^"]*"/g, "");
  const count = (one) => first.split(one).length;
  return [",", ";", "\t", "|"].reduce((best, one) => (count(one) > count(best) ? one : best));
}

/** Cells of CSV as RFC 4180 has it, also with other delimiters and line ends. */
export class CsvParser {
  constructor(delimiter) {
    this.delimiter = delimiter;
    this.cells = [];
    this.cell = "";
    this.line = 1;
    this.begun = 1;
    this.quoted = false;
    this.after = false; // behind a quote that may end the cell
    this.size = 0;
  }

  * push(text) {
    let from = 0; // what is plain is taken in one piece
    for (let at = 0; at < text.length; at += 1) {
      const one = text[at];
      if (this.quoted) {
        if (one === "\n") this.line += 1;
        if (one === '"') {
          this.cell += text.slice(from, at);
          from = at + 1;
          this.quoted = false;
          this.after = true;
        }
      } else if (one === '"' && this.after) {
        this.cell += '"';
        from = at + 1;
        this.quoted = true;
        this.after = false;
      } else if (one === '"' && this.cell === "" && from === at) {
        from = at + 1;
        this.quoted = true;
      } else if (one === this.delimiter) {
        this.cells.push(this.cell + text.slice(from, at));
        this.cell = "";
        this.after = false;
        from = at + 1;
      } else if (one === "\n") {
        this.cell += text.slice(from, at);
        from = at + 1;
        yield* this.ended();
        this.line += 1;
        this.begun = this.line;
      } else {
        this.after = false;
      }
    }
    this.cell += text.slice(from);
    if (this.cell.length > LINE_CHARACTERS_MAX) throw new Mistake(say("rows.line_too_long", { line: this.begun }));
  }

  * ended() {
    this.cells.push(this.cell.endsWith("\r") ? this.cell.slice(0, -1) : this.cell);
    const cells = this.cells;
    this.cells = [];
    this.cell = "";
    this.after = false;
    if (cells.length > 1 || cells[0] !== "") yield { line: this.begun, cells };
  }

  * end() {
    if (this.quoted) throw new Mistake(say("rows.no_quote", { line: this.begun }));
    yield* this.ended();
  }
}

async function* csvRows(texts) {
  let parser = null;
  let names = null;
  function* rows(found) {
    for (const { line, cells } of found) {
      if (names === null) {
        names = cells.map((name, at) => name.trim() || `column ${at + 1}`);
        const twice = names.find((name, at) => names.indexOf(name) !== at);
        if (twice !== undefined) throw new Mistake(say("rows.twice", { name: twice }));
      } else if (cells.length !== names.length) {
        yield { line, wrong: say("rows.cells", { n: cells.length, wanted: names.length }) };
      } else {
        yield { line, values: Object.fromEntries(names.map((name, at) => [name, cells[at]])) };
      }
    }
  }
  for await (const text of texts) {
    parser ??= new CsvParser(delimiterOf(text));
    yield* rows(parser.push(text));
  }
  if (parser !== null) yield* rows(parser.end());
}
