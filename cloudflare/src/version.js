// Versions: who wins. Text of 16 hexadecimal digits (unix milliseconds × 65536 + counter), a dot, and the writer.
//
// The stamp has a fixed width and the writer is ASCII, so comparing texts compares stamps first and then writers, byte
// by byte. BEGINNING is before every version.

import { invalid } from "./errors.js";

export const BEGINNING = "";
const SHAPE = /^[0-7][0-9a-f]{15}\.[A-Za-z0-9._-]{1,64}$/;

export function parseVersion(text, field = "version") {
  if (typeof text !== "string" || !SHAPE.test(text)) {
    throw invalid("invalid_version", "The version is not one that a site issues.", {
      field,
      hint: "16 hexadecimal digits, a dot, and the writer.",
    });
  }
  return text;
}

export const siteOf = (version) => version.slice(17).split(".", 1)[0];

export const millisecondsOf = (version) => Number(BigInt(`0x${version.slice(0, 16)}`) >> 16n);

export const counterOf = (version) => parseInt(version.slice(12, 16), 16);

export const makeVersion = (milliseconds, counter, writer) =>
  `${((BigInt(milliseconds) << 16n) | BigInt(counter)).toString(16).padStart(16, "0")}.${writer}`;
