/** What an answer says of a failure, in the API's spelling. */
export interface ProblemFields {
  detail?: string;
  title?: string;
  code?: string;
  field?: string | null;
  hint?: string | null;
  request_id?: string;
  failures?: Array<{ id: string; version: string | null; reason: string }>;
  [name: string]: unknown;
}

interface Details {
  status?: number;
  problem?: ProblemFields;
  requestId?: string | null;
  retryAfterSeconds?: number;
  cause?: unknown;
}

/** A call that failed. `message` says what happened; it never has the key. */
export class QuartzDBError extends Error {
  /** What sort of failure it is, one for each class. */
  readonly kind: string = "error";
  /** Of the answer; undefined where there was none. */
  readonly status: number | undefined;
  /** A word of the API for this kind of problem, like `dimension_mismatch`. */
  readonly code: string | undefined;
  /** Which part of the request it is about, like `vectors[3].vector`. */
  readonly field: string | undefined;
  /** What to do. */
  readonly hint: string | undefined;
  /** Names the request in the server's log. */
  readonly requestId: string | undefined;
  /** How long the server asks to wait. */
  readonly retryAfterSeconds: number | undefined;
  /** Of a write with conditions: the records whose condition did not hold. */
  readonly failures: Array<{ id: string; version: string | null; reason: string }>;
  /** All that the answer said. */
  readonly problem: ProblemFields;

  constructor(message: string, { status, problem = {}, requestId, retryAfterSeconds, cause }: Details = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.status = status;
    this.code = problem.code;
    this.field = problem.field ?? undefined;
    this.hint = problem.hint ?? undefined;
    this.requestId = problem.request_id ?? requestId ?? undefined;
    this.retryAfterSeconds = retryAfterSeconds;
    this.failures = problem.failures ?? [];
    this.problem = problem;
  }
}

/** The request is wrong, or too large: sending it again helps nothing. */
export class InvalidRequest extends QuartzDBError {
  override readonly kind = "invalid_request";
}
/** There is no key, or it is wrong, has ended or was revoked. */
export class Unauthenticated extends QuartzDBError {
  override readonly kind = "unauthenticated";
}
/** The key may not do this. */
export class Forbidden extends QuartzDBError {
  override readonly kind = "forbidden";
}
/** The plan, or a cap on spending, does not allow it. */
export class LimitReached extends QuartzDBError {
  override readonly kind = "limit_reached";
}
/** There is no such namespace, record or key. */
export class NotFound extends QuartzDBError {
  override readonly kind = "not_found";
}
/** It contradicts what is there. */
export class Conflict extends QuartzDBError {
  override readonly kind = "conflict";
}
/** It was there, and is no longer kept: what comes next in a feed. `problem.cursor` is where to go on, once all was listed
 * anew. */
export class Gone extends QuartzDBError {
  override readonly kind = "gone";
}
/** A condition of the write does not hold; nothing was written. */
export class PreconditionFailed extends QuartzDBError {
  override readonly kind = "precondition_failed";
}
/** Too many requests, also after the retries. */
export class RateLimited extends QuartzDBError {
  override readonly kind = "rate_limited";
}
/** The server failed or cannot serve now, also after the retries. */
export class ServerError extends QuartzDBError {
  override readonly kind = "server_error";
}
/** There was no answer, or half of one, also after the retries. A write may have been done. */
export class ConnectionFailed extends QuartzDBError {
  override readonly kind = "connection_failed";
}
/** The call took longer than its timeout. A write may have been done. */
export class DeadlineExceeded extends QuartzDBError {
  override readonly kind = "deadline_exceeded";
}

const BY_STATUS: Record<number, typeof QuartzDBError> = {
  401: Unauthenticated,
  402: LimitReached,
  403: Forbidden,
  404: NotFound,
  409: Conflict,
  410: Gone,
  412: PreconditionFailed,
  429: RateLimited,
};

/** The error that an answer tells. */
export function errorOf(status: number, headers: Headers, text: string): QuartzDBError {
  const problem = problemOf(text);
  const kind = BY_STATUS[status] ?? (status >= 500 ? ServerError : InvalidRequest);
  const seconds = Number.parseFloat(headers.get("retry-after") ?? "");
  return new kind(problem.detail ?? problem.title ?? `The server answered ${status}.`, {
    status,
    problem,
    requestId: headers.get("x-request-id"),
    retryAfterSeconds: seconds >= 0 ? seconds : undefined,
  });
}

function problemOf(text: string): ProblemFields {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null ? (found as ProblemFields) : {};
  } catch {
    return {}; // of something in between that is no part of the API
  }
}
