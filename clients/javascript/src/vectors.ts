// Vectors on the wire: little-endian 32-bit floats in base64, a third of the size of numbers as text.

/** Numbers, or an array of 32-bit floats, which is not copied before it is encoded. */
export type VectorLike = ArrayLike<number>;

const CHUNK = 8192;
const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** As it is sent. Throws a TypeError for what is no vector. */
export function encodedVector(vector: VectorLike): string {
  if (typeof vector !== "object" || vector === null || typeof vector.length !== "number") {
    throw new TypeError("A vector is an array of numbers.");
  }
  const floats = vector instanceof Float32Array ? vector : Float32Array.from(vector, Number);
  for (let at = 0; vector !== floats && at < floats.length; at++) {
    if (!Number.isFinite(floats[at])) {
      throw new TypeError(`A vector has numbers that fit 32-bit floats, and not ${String(vector[at])}.`);
    }
  }
  return base64(swapped(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)));
}

/** A vector of an answer, whichever of the two forms it has. */
export function decodedVector(value: unknown): Float32Array {
  if (typeof value !== "string") return Float32Array.from(value as number[]);
  return new Float32Array(swapped(bytes(value)).buffer as ArrayBuffer);
}

interface NodeBuffer {
  from(buffer: ArrayBufferLike, start: number, length: number): { toString(encoding: "base64"): string };
}

/** Bytes as base64: by the engine where it can, which is fifty times as fast. */
export function base64(part: Uint8Array): string {
  const native = part as Uint8Array & { toBase64?(): string };
  if (native.toBase64) return native.toBase64();
  const { Buffer: nodes } = globalThis as { Buffer?: NodeBuffer };
  if (nodes) return nodes.from(part.buffer, part.byteOffset, part.byteLength).toString("base64");
  let text = "";
  for (let at = 0; at < part.length; at += CHUNK) {
    text += String.fromCharCode(...part.subarray(at, at + CHUNK));
  }
  return btoa(text);
}

/** Base64 as bytes. */
export function bytes(text: string): Uint8Array {
  const binary = atob(text);
  const found = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) found[at] = binary.charCodeAt(at);
  return found;
}

function swapped(part: Uint8Array): Uint8Array {
  if (LITTLE) return part;
  const turned = new Uint8Array(part.length);
  for (let at = 0; at < part.length; at++) turned[at] = part[at ^ 3]!;
  return turned;
}
