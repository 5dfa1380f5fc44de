// Metadata as JSON that people type.

import { Mistake } from "./problem.js";
import { say } from "./settings.js";

/** The object that a text is; empty for no text. Throws Mistake. */
export function metadataOf(text) {
  if (text.trim() === "") return {};
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Mistake(say("metadata.no_json", { why: error.message }));
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Mistake(say("metadata.no_object"));
  return value;
}

/** What makes one object of another: fields to set, and names to take away. */
export function difference(before, after) {
  const same = (name) => name in before && JSON.stringify(before[name]) === JSON.stringify(after[name]);
  return {
    set: Object.fromEntries(Object.entries(after).filter(([name]) => !same(name))),
    unset: Object.keys(before).filter((name) => !(name in after)),
  };
}
