export { QuartzDBFilterTranslator, type QuartzDBVectorFilter } from "./filter.js";
export { QuartzDBVector, type QuartzDBVectorOptions } from "./store.js";
export type { QuartzDBCreateIndexParams, QuartzDBQueryParams } from "./params.js";
