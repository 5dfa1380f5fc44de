// What a request is refused with. An error says what happened, to what, and what to do; only answers.js knows the forms
// in which it is written. It crosses from a Durable Object to the Worker with its properties.

export class Refusal extends Error {
  constructor(status, code, message, { field = null, hint = null, headers = {}, more = {} } = {}) {
    super(message);
    this.name = "Refusal";
    this.refusal = true;
    this.status = status;
    this.code = code;
    this.field = field;
    this.hint = hint;
    this.headers = headers;
    this.more = more;
  }
}

export const invalid = (code, message, options) => new Refusal(400, code, message, options);

export const badArgument = (message, options) => invalid("invalid_argument", message, options);

export const unauthenticated = (message, hint) =>
  new Refusal(401, "unauthenticated", message, {
    hint,
    headers: { "WWW-Authenticate": 'Bearer realm="QuartzDB"' },
  });

export const bodyTooLarge = (bytesMax) =>
  new Refusal(413, "body_too_large", `The request body is larger than ${bytesMax} bytes, as sent or decompressed.`, {
    hint: "Split the request into smaller ones.",
  });

export const routeNotFound = () => new Refusal(404, "route_not_found", "There is nothing at this path.");

// What a failure that nobody foresaw tells. Why it happened stands in the log, under the request id.
export function foreseen(error, requestId) {
  if (error?.refusal) return error;
  if (error?.overloaded || error?.retryable) {
    return new Refusal(503, "unavailable", "The storage cannot be reached at the moment.", {
      hint: "Try again.",
      headers: { "Retry-After": "1" },
    });
  }
  return new Refusal(500, "internal_error", `Something went wrong inside. The request id is ${requestId}.`, {
    hint: "If it happens again, report the request id.",
  });
}
