export type { SearchAnswer, SearchResult } from "./answer.js";
export type { Embed } from "./embedding.js";
export type { FilterField, FilterFields, FilterValues } from "./filters.js";
export { type IngestOptions, type IngestReport, type TextToIngest, quartzdbIngest } from "./ingest.js";
export type { SearchInput } from "./input.js";
export type { SearchMode } from "./question.js";
export { type SearchEvent, type SearchOptions, SearchFailed, quartzdbSearch } from "./search.js";
