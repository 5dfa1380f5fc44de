// Last-writer-wins: how changes in any order, repeated any number of times, give one state of a record.
//
// A record is replaced whole by the latest upsert or delete; a patched field keeps its own version until such a later
// one replaces the record. The same rules as quartzdb.domain.merge, which both sites' convergence leans on.
//
// A state is { base, vector, metadata, patches }: the version of the latest upsert or delete, the vector (null where it
// is deleted, or only patched so far), the metadata as JSON text, and for each patched field [version, JSON text], the
// text null where it was removed.

import { BEGINNING } from "./version.js";

export const unknown = () => ({ base: BEGINNING, vector: null, metadata: "{}", patches: new Map() });

export const isLive = (state) => state.vector !== null;

// The state after one more change, or null where the change is old news.
export function apply(state, change) {
  return change.op === "patch" ? patched(state, change) : replaced(state, change);
}

function replaced(state, { op, version, vector, metadata }) {
  // Of one version the record wins over the tombstone that it leaves when it has expired.
  const again = version === state.base && op === "upsert" && !isLive(state);
  if (version <= state.base && !again) return null;
  const patches = new Map([...state.patches].filter(([, [patchedAt]]) => patchedAt > version));
  return op === "upsert"
    ? { base: version, vector, metadata, patches }
    : { base: version, vector: null, metadata: "{}", patches };
}

function patched(state, { version, set, unset }) {
  if (version <= state.base) return null;
  const fields = new Map([...set, ...unset.map((name) => [name, null])]);
  const patches = new Map(state.patches);
  for (const [name, text] of fields) {
    const known = patches.get(name);
    if (known === undefined || version > known[0]) patches.set(name, [version, text]);
    else fields.delete(name);
  }
  return fields.size ? { ...state, patches } : null;
}

// The changes that make a state, with the versions that they were born with: the base, then patches from the earliest.
export function changesOf(id, { base, vector, metadata, patches }) {
  const changes = [];
  if (base !== BEGINNING) {
    changes.push(vector ? { op: "upsert", id, version: base, vector, metadata } : { op: "delete", id, version: base });
  }
  const byVersion = new Map();
  for (const [name, [version, text]] of patches) {
    if (!byVersion.has(version)) byVersion.set(version, { op: "patch", id, version, set: [], unset: [] });
    const change = byVersion.get(version);
    if (text === null) change.unset.push(name);
    else change.set.push([name, text]);
  }
  return [...changes, ...[...byVersion.values()].sort((left, right) => (left.version < right.version ? -1 : 1))];
}
