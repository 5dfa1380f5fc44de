// Which filters a model may use, in a form that models fill in well: no operators, no alternatives. What it gives is
// turned into a filter of QuartzDB.

import type { Filter } from "@quartzdb/client";
import type { JSONSchema7 } from "ai";

/** A field of metadata that the model may filter by. */
export type FilterField = {
  /** Tells the model what the field is. */
  description?: string;
  /** The field's name in metadata, `a.b` for a nested one, where it is another than the one the model is shown. */
  field?: string;
} & (
  | {
      /** Any of several texts; an array in metadata has them as elements. */
      type: "string";
      /** All values that there are. */
      values?: readonly string[];
    }
  | {
      /** From a least to a greatest, both included. */
      type: "number";
    }
  | {
      /** Dates or moments that metadata have as text, as `2026-05-01` or `2026-05-01T12:00:00Z`; both ends are included. */
      type: "date";
    }
  | { type: "boolean" }
);

export type FilterFields = Record<string, FilterField>;

/** What the model gives for the fields. */
export type FilterValues<Fields extends FilterFields = FilterFields> = {
  [Name in keyof Fields]?: Fields[Name] extends { type: "number" }
    ? { min?: number; max?: number }
    : Fields[Name] extends { type: "date" }
      ? { from?: string; to?: string }
      : Fields[Name] extends { type: "boolean" }
        ? boolean
        : string[];
};

/** A text that says what is wrong with a value. */
export type Problem = string;

const VALUES_MAX = 50;
const TEXT_MAX = 256;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/;
const DAY_MS = 86_400_000;

/** How a field is shown to the model. */
export function schemaOf(field: FilterField): JSONSchema7 {
  const { description } = field;
  switch (field.type) {
    case "string": {
      const items: JSONSchema7 = field.values ? { type: "string", enum: [...field.values] } : { type: "string", maxLength: TEXT_MAX };
      return { type: "array", items, minItems: 1, maxItems: VALUES_MAX, description: told(description, "any of these") };
    }
    case "number":
      return between("number", ["min", "max"], told(description, "both ends included"));
    case "date":
      return between("string", ["from", "to"], told(description, "2026-05-01 or 2026-05-01T12:00:00Z, both ends included"));
    case "boolean":
      return { type: "boolean", ...(description === undefined ? {} : { description }) };
  }
}

/** The condition on a field, or what is wrong with the value. */
export function conditionOf(name: string, field: FilterField, value: unknown): Filter | Problem {
  const place = field.field ?? name;
  switch (field.type) {
    case "string":
      return oneOf(name, place, value, field.values);
    case "number":
      return range(name, place, value, ["min", "max"], (end) =>
        typeof end === "number" && Number.isFinite(end) ? { least: end, most: { $lte: end } } : "a number",
      );
    case "date":
      return range(name, place, value, ["from", "to"], (end) => dateEnd(end));
    case "boolean":
      return typeof value === "boolean" ? { [place]: value } : `filters.${name} must be true or false.`;
  }
}

function oneOf(name: string, place: string, value: unknown, values: readonly string[] | undefined): Filter | Problem {
  if (!Array.isArray(value) || value.length === 0 || value.length > VALUES_MAX) {
    return `filters.${name} must be an array of 1 to ${VALUES_MAX} texts.`;
  }
  for (const one of value) {
    if (typeof one !== "string" || one.length > TEXT_MAX) return `filters.${name} must have texts of at most ${TEXT_MAX} characters.`;
    if (values && !values.includes(one)) return `filters.${name} can be any of ${values.join(", ")}, and not ${JSON.stringify(one)}.`;
  }
  return { [place]: { $in: value } };
}

type End = { least: unknown; most: Filter };

function range(
  name: string,
  place: string,
  value: unknown,
  [first, last]: [string, string],
  read: (end: unknown) => End | Problem,
): Filter | Problem {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return `filters.${name} must be an object with ${first}, ${last} or both.`;
  }
  const condition: Filter = {};
  for (const [end, given] of Object.entries(value)) {
    if (end !== first && end !== last) return `filters.${name} has ${first} and ${last}, and no ${end}.`;
    if (given === undefined || given === null) continue;
    const found = read(given);
    if (typeof found === "string") return `filters.${name}.${end} must be ${found}.`;
    Object.assign(condition, end === first ? { $gte: found.least } : found.most);
  }
  if (Object.keys(condition).length === 0) return `filters.${name} must have ${first}, ${last} or both.`;
  return { [place]: condition };
}

function dateEnd(end: unknown): End | Problem {
  const wanted = "a date like 2026-05-01, or a moment like 2026-05-01T12:00:00Z";
  if (typeof end !== "string" || !(DATE.test(end) || MOMENT.test(end)) || Number.isNaN(Date.parse(end))) return wanted;
  if (MOMENT.test(end)) return { least: end, most: { $lte: end } };
  // Texts are compared by character: the whole of a day, in either form, comes before the day after.
  return { least: end, most: { $lt: new Date(Date.parse(end) + DAY_MS).toISOString().slice(0, 10) } };
}

function between(type: "number" | "string", [first, last]: [string, string], description: string): JSONSchema7 {
  return {
    type: "object",
    properties: { [first]: { type }, [last]: { type } },
    additionalProperties: false,
    description,
  };
}

function told(description: string | undefined, form: string): string {
  return description === undefined ? form : `${description} (${form})`;
}
