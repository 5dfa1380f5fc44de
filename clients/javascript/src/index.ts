export { upsertMany, type Report } from "./batches.js";
export { Changes, type FeedOptions } from "./changes.js";
export { QuartzDB, type ClientOptions, type NamespaceSettings } from "./client.js";
export {
  Conflict,
  ConnectionFailed,
  DeadlineExceeded,
  Forbidden,
  Gone,
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
export { Item, ItemChange, KeyValues, type PutOptions, type Value } from "./keyValues.js";
export { Keys } from "./keys.js";
export { Namespace, type BatchedQuery, type Filter, type ListOptions, type NewRecord, type PatchOptions, type QueryOptions } from "./namespace.js";
export type { Moment } from "./moments.js";
export { Pages } from "./pages.js";
export type { CallOptions, RequestEvent, RetryOptions } from "./transport.js";
export type * from "./types.js";
export type { VectorLike } from "./vectors.js";
export { VERSION } from "./version.js";
