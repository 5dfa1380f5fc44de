import { type Filter, type Freshness, type Match, type Namespace, QuartzDBError, type QueryOptions } from "@quartzdb/client";
import { type EmbeddingModel, type Tool, jsonSchema, tool } from "ai";
import { type SearchAnswer, bounded } from "./answer.js";
import { type Embed, vectorOf } from "./embedding.js";
import type { FilterFields } from "./filters.js";
import { type SearchInput, checkedInput, filterOf, inputSchema } from "./input.js";
import { type Parts, type SearchMode, partsOf } from "./question.js";

/** What a search found, for logs and metrics. */
export interface SearchEvent {
  query: string;
  parts: Parts;
  /** All of them, also what the model was not shown. */
  matches: readonly Match[];
  usage: { readUnits: number; costUsd?: string };
}

export interface SearchOptions<Fields extends FilterFields = Record<never, never>> {
  /** What is searched: `db.namespace("docs")`. */
  namespace: Namespace;
  /** A model of the AI SDK, or a function, that makes the vector of the query: the one that the records' were made with.
   * Without it, words alone are searched. */
  embed?: EmbeddingModel | Embed;
  /** `hybrid`, which is meant where nothing is said: by meaning where there are vectors and `embed`, by words where the
   * namespace has text fields, by both where it can. */
  mode?: SearchMode;
  /** Tells the model what can be found here, and when to look. */
  description?: string;
  /** How many results; 5. */
  topK?: number;
  /** How many the model may ask for; 20, 100 at most. */
  topKMax?: number;
  /** Only records for which this holds, whatever the model asks for: the tenant, what the user may see. */
  filter?: Filter;
  /** Fields that the model may filter by. */
  filters?: Fields;
  /** Which fields of metadata the model is shown; all without it. */
  fields?: readonly string[];
  /** Of all results together, as JSON; 16,000. */
  maxCharacters?: number;
  /** Of one field; longer text is cut, other values are left out; 4,000. */
  maxFieldCharacters?: number;
  /** Which text fields count how much; all of them alike without it. */
  textFields?: Record<string, number>;
  /** How the rankings by meaning and by words become one; reciprocal ranks without it. */
  fusion?: { method: "rrf"; k?: number } | { method: "weighted"; vector: number; text: number };
  /** Further options of the query, as `recall`, `minScore`, `distinct` or `consistency`. */
  query?: Pick<QueryOptions, "recall" | "minScore" | "distinct"> & Freshness;
  /** Told of every search. */
  onSearch?: (event: SearchEvent) => void;
}

/** A search that failed. The message is for the model; `cause` has the error itself. */
export class SearchFailed extends Error {
  override readonly name = "SearchFailed";
}

const DESCRIPTION = "Search the knowledge base. Use it before answering, and name the ids of results that you rely on.";
const TOP_K_MAX = 100;
const CHARACTERS_MIN = 2_000;

/** A tool with which a model searches a namespace. Throws a TypeError for options that make no sense; when it is called, it
 * throws SearchFailed, which the AI SDK gives to the model as the tool's error. */
export function quartzdbSearch<const Fields extends FilterFields = Record<never, never>>(
  options: SearchOptions<Fields>,
): Tool<SearchInput<Fields>, SearchAnswer> {
  const { namespace, embed: by, mode = "hybrid", topK = 5, topKMax = 20 } = options;
  const { maxCharacters = 16_000, maxFieldCharacters = 4_000 } = options;
  const fields = options.filters ?? ({} as Fields);
  whole("topKMax", topKMax, 1, TOP_K_MAX);
  whole("topK", topK, 1, topKMax);
  whole("maxCharacters", maxCharacters, CHARACTERS_MIN, Number.MAX_SAFE_INTEGER);
  whole("maxFieldCharacters", maxFieldCharacters, 1, Number.MAX_SAFE_INTEGER);

  // What a namespace declares never changes, so it is asked for once; after a failure again, since it may be another one by then.
  let known: Parts | undefined;

  const search = async ({ query, limit, filters }: SearchInput<Fields>, signal: AbortSignal | undefined): Promise<SearchAnswer> => {
    const parts = (known ??= await partsOf(namespace, mode, by !== undefined, signal));
    const { matches, usage } = await namespace.query({
      ...options.query,
      ...(parts.vector && { vector: await vectorOf(query, by!, signal) }),
      ...(parts.text && { text: { query, ...(options.textFields && { fields: options.textFields }) } }),
      ...(parts.vector && parts.text && options.fusion && { fusion: options.fusion }),
      filter: both(options.filter, filterOf(filters, fields)),
      topK: limit ?? topK,
      includeMetadata: true,
      signal,
    });
    options.onSearch?.({ query, parts, matches, usage });
    return bounded(matches, { fields: options.fields, maxCharacters, maxFieldCharacters });
  };

  return tool({
    description: options.description ?? DESCRIPTION,
    inputSchema: jsonSchema<SearchInput<Fields>>(inputSchema(fields, topKMax), {
      validate(value) {
        try {
          return { success: true, value: checkedInput(value, fields, topKMax) };
        } catch (error) {
          return { success: false, error: error as Error };
        }
      },
    }),
    async execute(input: SearchInput<Fields>, { abortSignal }: { abortSignal?: AbortSignal }): Promise<SearchAnswer> {
      try {
        return await search(input, abortSignal);
      } catch (error) {
        known = undefined;
        abortSignal?.throwIfAborted();
        throw new SearchFailed(`The search failed: ${told(error)}`, { cause: error });
      }
    },
  }) as Tool<SearchInput<Fields>, SearchAnswer>;
}

function both(fixed: Filter | undefined, asked: Filter | undefined): Filter | undefined {
  return fixed && asked ? { $and: [fixed, asked] } : (fixed ?? asked);
}

function told(error: unknown): string {
  if (error instanceof QuartzDBError) return error.hint ? `${error.message} ${error.hint}` : error.message;
  return error instanceof Error ? error.message : String(error);
}

function whole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new TypeError(`${name} must be a whole number from ${least} to ${most}, and not ${value}.`);
  }
}
