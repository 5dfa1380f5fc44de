// What went wrong, as the database says it: title, what happened to what, and what to do about it.

import { fill, make } from "./dom.js";
import { say } from "./settings.js";

/** A refusal of the database or of the platform: a problem document (RFC 9457) and its status. */
export class Problem extends Error {
  constructor(status, body, answer = null) {
    super(body.detail ?? body.title ?? String(status));
    this.status = status;
    this.body = body;
    this.code = body.code;
    this.retryAfter = Number(answer?.headers.get("Retry-After") ?? 0);
  }
}

/** What is wrong with something that was typed here; nobody was asked. */
export class Mistake extends Error {}

/** Shows an error in an element with the role of an alert; null takes it away. */
export function showIn(element) {
  return (error) => {
    element.hidden = error === null;
    if (error === null) {
      fill(element);
      return;
    }
    if (error instanceof Mistake) {
      fill(element, error.message);
      return;
    }
    const body = error instanceof Problem ? error.body : { detail: error.message };
    fill(element,
      make("strong", {}, body.title ?? say("common.failed")), ` ${body.detail ?? ""}`,
      body.hint ? ` ${body.hint}` : null,
      body.field ? make("small", {}, ` ${say("common.at_field", { field: body.field })}`) : null,
      body.request_id ? make("small", {}, ` ${say("common.request", { id: body.request_id })}`) : null);
  };
}
