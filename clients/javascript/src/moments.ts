/** A Date, milliseconds since 1970 as of `Date.now()`, or RFC 3339. */
export type Moment = Date | number | string;

/** As the API writes it. Throws a RangeError for no date. */
export function written(moment: Moment): string {
  return typeof moment === "string" ? moment : new Date(moment).toISOString();
}

/** With its `expires_at` as the API writes it: null, which says never, stays. */
export function withExpiry(part: Record<string, unknown>): Record<string, unknown> {
  if (part.expires_at != null) part.expires_at = written(part.expires_at as Moment);
  return part;
}
