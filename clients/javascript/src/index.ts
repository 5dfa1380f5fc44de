export { upsertMany, type Report } from "./batches.js";
export { QuartzDB, type ClientOptions } from "./client.js";
export {
  Conflict,
  ConnectionFailed,
  DeadlineExceeded,
  Forbidden,
  InvalidRequest,
  LimitReached,
  NotFound,
  PreconditionFailed,
  QuartzDBError,
  RateLimited,
  ServerError,
  Unauthenticated,
} from "./errors.js";
export type { Freshness } from "./freshness.js";
export { Item, KeyValues, type PutOptions, type Value } from "./keyValues.js";
export { Namespace, type Filter, type ListOptions, type QueryOptions } from "./namespace.js";
export type { CallOptions, RequestEvent, RetryOptions } from "./transport.js";
export type * from "./types.js";
export type { VectorLike } from "./vectors.js";
export { VERSION } from "./version.js";
