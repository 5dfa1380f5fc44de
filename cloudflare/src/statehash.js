// What digests are made of: the bucket of an id, and the hash of a state. docs/replication.md has the definition.

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

const sha256 = (text) => createHash("sha256").update(text, "utf8").digest();

export const bucketOf = (id) => sha256(id)[0];

// `patches` is what still shows: [name, [version, …]] pairs in any order.
export function stateHash(id, base, patches = []) {
  const named = [...patches].map(([name, [version]]) => [Buffer.from(name, "utf8"), `${name}=${version}`]);
  named.sort(([left], [right]) => Buffer.compare(left, right));
  return sha256([id, base, ...named.map(([, line]) => line)].join("\n")).readUInt32BE(0);
}
