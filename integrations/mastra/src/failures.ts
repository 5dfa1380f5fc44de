// Every failure is a MastraError: with an id, whose fault it is, and what to do.

import { QuartzDBError } from "@quartzdb/client";
import { ErrorCategory, ErrorDomain, MastraError } from "@mastra/core/error";

const OF_THE_USER = new Set(["invalid_request", "unauthenticated", "forbidden", "not_found", "conflict", "precondition_failed", "limit_reached"]);

type Details = Record<string, string | number>;

/** Something about the call makes no sense. */
export function invalid(call: string, text: string, details: Details = {}): MastraError {
  return new MastraError({ id: idOf(call, "INVALID"), text, domain: ErrorDomain.MASTRA_VECTOR, category: ErrorCategory.USER, details });
}

/** Do it, and tell its failures as MastraErrors. Those that are already stay as they are. */
export async function telling<T>(call: string, details: Details, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MastraError) throw error;
    const known = error instanceof QuartzDBError;
    const text = error instanceof Error ? error.message : String(error);
    throw new MastraError(
      {
        id: idOf(call, "FAILED"),
        text: known && error.hint ? `${text} ${error.hint}` : text,
        domain: ErrorDomain.MASTRA_VECTOR,
        category: !known || OF_THE_USER.has(error.kind) ? ErrorCategory.USER : ErrorCategory.THIRD_PARTY,
        details: { ...details, ...(known && { kind: error.kind }), ...(known && error.requestId && { requestId: error.requestId }) },
      },
      error instanceof Error ? error : undefined,
    );
  }
}

/** Do a check of Mastra's. Its errors say what is wrong in their details alone: it is said in the message, too. */
export function checked(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof MastraError) || typeof error.details?.message !== "string") throw error;
    const { id, domain, category, details } = error;
    throw new MastraError({ id: id as Uppercase<string>, domain, category, details, text: `${error.details.message}.` });
  }
}

/** As `MASTRA_VECTOR_QUARTZDB_CREATE_INDEX_FAILED`. */
function idOf(call: string, what: string): Uppercase<string> {
  return `MASTRA_VECTOR_QUARTZDB_${call.replace(/[A-Z]/g, (letter) => `_${letter}`)}_${what}`.toUpperCase() as Uppercase<string>;
}
