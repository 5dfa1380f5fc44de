// The API spells names with underscores, this client as JavaScript does. What users named themselves stays as it is.

import { decodedVector } from "./vectors.js";

/** Objects whose names are the user's: metadata, what a patch set of it, results by name, text fields by name. */
const USERS_OWN = new Set(["metadata", "set", "aggregates", "text"]);

/** An answer in this language's spelling, its vectors as arrays of 32-bit floats. What is given is used up. */
export function spelled(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) value[at] = spelled(value[at]);
    return value;
  }
  const found: Record<string, unknown> = {};
  for (const name in value) {
    const one = (value as Record<string, unknown>)[name];
    // Under this name also stands how a match was found by its vector, which is an object.
    if (name === "vector" && (typeof one === "string" || Array.isArray(one))) found.vector = decodedVector(one);
    // The values of groups are by field, those of a field are a list.
    else if (USERS_OWN.has(name) || (name === "values" && !Array.isArray(one))) found[name] = one;
    else found[camel(name)] = spelled(one);
  }
  return found;
}

/** Options in the API's spelling, without what is undefined; one level. */
export function sent(options: object): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(options)) {
    if (one !== undefined) found[snake(name)] = one;
  }
  return found;
}

const KNOWN = new Map<string, string>();
const KNOWN_MAX = 1000;

function camel(name: string): string {
  let found = KNOWN.get(name);
  if (found === undefined) {
    found = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    if (KNOWN.size < KNOWN_MAX) KNOWN.set(name, found);
  }
  return found;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
