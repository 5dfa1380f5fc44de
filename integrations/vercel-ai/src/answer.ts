// What the model is told of matches: no more characters than it was meant to read.

import type { Match } from "@quartzdb/client";

/** A match, as the model reads it. */
export interface SearchResult {
  id: string;
  /** Higher is better; of use within one answer alone. */
  score: number;
  metadata: Record<string, unknown>;
  /** Fields that were cut, or left out, for their size. */
  shortened?: string[];
}

/** What the model is answered. */
export interface SearchAnswer {
  results: SearchResult[];
  /** How many more were found, and left out for their size. */
  omitted: number;
}

export interface Bounds {
  /** Which fields of metadata are shown; all without it. */
  fields: readonly string[] | undefined;
  /** Of all results together, as JSON. */
  maxCharacters: number;
  /** Of one field. */
  maxFieldCharacters: number;
}

/** As many of the matches as fit, the best first. Of the first, at least its id and what fits. */
export function bounded(matches: readonly Match[], bounds: Bounds): SearchAnswer {
  const results: SearchResult[] = [];
  let left = bounds.maxCharacters;
  for (const match of matches) {
    const result = results.length === 0 ? fitting(shown(match, bounds), left) : shown(match, bounds);
    left -= sizeOf(result);
    if (left < 0) break;
    results.push(result);
  }
  return { results, omitted: matches.length - results.length };
}

function shown(match: Match, { fields, maxFieldCharacters }: Bounds): SearchResult {
  const all = match.metadata ?? {};
  const metadata: Record<string, unknown> = {};
  const shortened: string[] = [];
  for (const name of fields ?? Object.keys(all)) {
    const value = all[name];
    if (value === undefined) continue;
    if (typeof value === "string") {
      metadata[name] = cut(value, maxFieldCharacters);
      if (value.length > maxFieldCharacters) shortened.push(name);
    } else if (sizeOf(value) <= maxFieldCharacters) metadata[name] = value;
    else shortened.push(name);
  }
  const score = Number(match.score.toPrecision(6));
  return { id: match.id, score, metadata, ...(shortened.length > 0 && { shortened }) };
}

function fitting(result: SearchResult, left: number): SearchResult {
  if (sizeOf(result) <= left) return result;
  const fits: SearchResult = { id: result.id, score: result.score, metadata: {}, shortened: ["more than fits"] };
  for (const [name, value] of Object.entries(result.metadata)) {
    fits.metadata[name] = value;
    if (sizeOf(fits) > left) delete fits.metadata[name];
  }
  return fits;
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  // Half of a pair of code units is no character.
  const end = /[\uD800-\uDBFF]/.test(text[most - 1]!) ? most - 1 : most;
  return `${text.slice(0, end)}…`;
}

function sizeOf(value: unknown): number {
  return JSON.stringify(value).length;
}
