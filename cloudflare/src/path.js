// Paths: split before they are decoded, so that an encoded slash stays part of a key.

import { Buffer } from "node:buffer";
import { invalid } from "./errors.js";

// The target of a request as it came: { path, query }. No URL parser, which would take ".." out.
export function targetOf(url) {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const target = start < 0 ? "/" : url.slice(start).split("#", 1)[0];
  const mark = target.indexOf("?");
  return mark < 0 ? { path: target, query: "" } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

// The decoded segments after the first slash.
export const segmentsOf = (path) => path.slice(1).split("/").map(decode);

function decode(segment) {
  if (!segment.includes("%")) return segment;
  return segment.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
        Buffer.from(run.replaceAll("%", ""), "hex"),
      );
    } catch {
      throw invalid("invalid_path", "The path does not decode to UTF-8 text.", {
        hint: "Percent-encode the UTF-8 bytes of the text.",
      });
    }
  });
}
