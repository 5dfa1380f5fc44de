// What the model may give: as JSON Schema for the model, and checked, since models give other things too.

import type { Filter } from "@quartzdb/client";
import type { JSONSchema7 } from "ai";
import { type FilterFields, type FilterValues, conditionOf, schemaOf } from "./filters.js";

/** What the model gives to the tool. */
export interface SearchInput<Fields extends FilterFields = FilterFields> {
  query: string;
  limit?: number;
  filters?: FilterValues<Fields>;
}

const QUERY_CHARACTERS_MAX = 1_000;

/** The schema that the model is shown. */
export function inputSchema(fields: FilterFields, topKMax: number): JSONSchema7 {
  const names = Object.keys(fields);
  return {
    type: "object",
    properties: {
      query: {
        type: "string",
        minLength: 1,
        maxLength: QUERY_CHARACTERS_MAX,
        description: 'What to look for: a question, or words. "In double quotes": words that must stand together.',
      },
      limit: { type: "integer", minimum: 1, maximum: topKMax, description: "How many results; leave it out for the usual number." },
      ...(names.length > 0 && {
        filters: {
          type: "object",
          description: "Only results for which all of these hold. Leave out what was not asked for.",
          properties: Object.fromEntries(names.map((name) => [name, schemaOf(fields[name]!)])),
          additionalProperties: false,
        } satisfies JSONSchema7,
      }),
    },
    required: ["query"],
    additionalProperties: false,
  };
}

/** The input as it was meant. Throws a TypeError that tells the model what to give instead. */
export function checkedInput<Fields extends FilterFields>(value: unknown, fields: Fields, topKMax: number): SearchInput<Fields> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError("The input must be an object with a query.");
  const { query, limit, filters, ...others } = value as Record<string, unknown>;
  const other = Object.keys(others)[0];
  if (other !== undefined) throw new TypeError(`The input has query, limit and filters, and no ${other}.`);
  if (typeof query !== "string" || query.trim() === "") throw new TypeError("query must be a text that is not empty.");
  if (query.length > QUERY_CHARACTERS_MAX) throw new TypeError(`query may have ${QUERY_CHARACTERS_MAX} characters, and has ${query.length}.`);
  const input: SearchInput<Fields> = { query };
  // Some models fill in null for what they leave out.
  if (limit !== undefined && limit !== null) {
    if (!Number.isInteger(limit) || (limit as number) < 1 || (limit as number) > topKMax) {
      throw new TypeError(`limit must be a whole number from 1 to ${topKMax}.`);
    }
    input.limit = limit as number;
  }
  if (filters !== undefined && filters !== null) {
    filterOf(filters, fields); // throws where something is wrong
    input.filters = filters as FilterValues<Fields>;
  }
  return input;
}

/** The filter that the model's values mean; undefined where it gave none. Throws a TypeError. */
export function filterOf(values: unknown, fields: FilterFields): Filter | undefined {
  if (values === undefined) return undefined;
  if (typeof values !== "object" || values === null || Array.isArray(values)) throw new TypeError("filters must be an object.");
  const conditions: Filter[] = [];
  for (const [name, value] of Object.entries(values)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) {
      throw new TypeError(`There is no filter ${JSON.stringify(name)}. ${offered(fields)}`);
    }
    if (value === undefined || value === null) continue;
    const condition = conditionOf(name, field, value);
    if (typeof condition === "string") throw new TypeError(condition);
    conditions.push(condition);
  }
  return conditions.length > 1 ? { $and: conditions } : conditions[0];
}

function offered(fields: FilterFields): string {
  const names = Object.keys(fields);
  return names.length === 0 ? "Leave filters out." : `There are ${names.join(", ")}.`;
}
