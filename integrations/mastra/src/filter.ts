import type { Filter } from "@quartzdb/client";
import {
  BaseFilterTranslator,
  type LogicalOperatorValueMap,
  type OperatorSupport,
  type OperatorValueMap,
  type VectorFilter,
} from "@mastra/core/vector/filter";

type Values = Omit<OperatorValueMap, "$regex" | "$options" | "$elemMatch"> & {
  /** A text that begins so. */
  $prefix: string;
  /** An array with this element. */
  $contains: string | number | boolean | null;
};

/** Mastra's filters without `$regex` and `$elemMatch`, with `$prefix` and `$contains`. */
export type QuartzDBVectorFilter = VectorFilter<keyof Values, Values, LogicalOperatorValueMap>;

/** Holds for no record: what a list of no alternatives means. */
const NOTHING: Filter = { $not: {} };
const EVERYTHING: Filter = {};

/** Mastra's filters as QuartzDB's. Throws an Error for operators that there are not, and for undefined: a condition on what was
 * forgotten must not become none. */
export class QuartzDBFilterTranslator extends BaseFilterTranslator<QuartzDBVectorFilter, Filter | undefined> {
  protected override getSupportedOperators(): OperatorSupport {
    return { ...BaseFilterTranslator.DEFAULT_OPERATORS, array: ["$in", "$nin", "$all"], regex: [], custom: ["$prefix", "$contains"] };
  }

  /** Undefined where there is no condition. */
  translate(filter: QuartzDBVectorFilter): Filter | undefined {
    if (filter === null || filter === undefined || this.isEmpty(filter)) return undefined;
    this.validateFilter(filter);
    return this.#filter(filter as Record<string, unknown>, "");
  }

  #filter(node: Record<string, unknown>, prefix: string): Filter {
    return all(Object.entries(node).map(([name, value]) => (this.isOperator(name) ? this.#logical(name, value) : this.#field(`${prefix}${name}`, value))));
  }

  #logical(name: string, value: unknown): Filter {
    if (name === "$not") return { $not: this.#filter(plain(value, name), "") };
    if (name !== "$and" && name !== "$or" && name !== "$nor") throw new Error(`${name} belongs to a field, and not beside fields.`);
    if (!Array.isArray(value)) throw new Error(`${name} takes a list of filters.`);
    const parts = value.map((part: unknown) => this.#filter(plain(part, name), ""));
    if (name === "$and") return all(parts);
    if (parts.length === 0) return name === "$or" ? NOTHING : EVERYTHING;
    return name === "$or" ? { $or: parts } : { $not: parts };
  }

  #field(field: string, value: unknown): Filter {
    if (value === undefined) throw new Error(`The filter's ${field} is undefined. Leave it out, or say null.`);
    if (Array.isArray(value)) return this.#condition(field, "$in", value);
    if (typeof value !== "object" || value === null || value instanceof Date) return { [field]: this.normalizeComparisonValue(value) };
    const node = plain(value, field);
    const names = Object.keys(node);
    if (names.length === 0) throw new Error(`The filter's ${field} has no condition.`);
    if (!names.some((name) => this.isOperator(name))) return this.#filter(node, `${field}.`);
    return all(names.map((name) => this.#condition(field, name, node[name])));
  }

  #condition(field: string, operator: string, value: unknown): Filter {
    if (value === undefined) throw new Error(`The filter's ${field}.${operator} is undefined. Leave it out, or say null.`);
    if (operator === "$not") {
      // Two lists that are negated may be of no values: then a filter of their own says what that means.
      return { $not: this.#field(field, plain(value, `${field}.$not`)) };
    }
    if (operator === "$in" || operator === "$nin" || operator === "$all") {
      if (!Array.isArray(value)) throw new Error(`${operator} takes a list of values.`);
      const values = this.normalizeArrayValues(value);
      if (values.length === 0) return operator === "$nin" ? EVERYTHING : NOTHING;
      return operator === "$all" ? all(values.map((one) => ({ [field]: one }))) : { [field]: { [operator]: values } };
    }
    return { [field]: { [operator]: this.normalizeComparisonValue(value) } };
  }
}

/** All of them have to hold; those that hold for everything are left out. */
function all(parts: Filter[]): Filter {
  const given = parts.filter((part) => Object.keys(part).length > 0);
  return given.length > 1 ? { $and: given } : (given[0] ?? EVERYTHING);
}

function plain(value: unknown, place: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof RegExp || value instanceof Date) {
    throw new Error(`${place} takes an object with conditions.`);
  }
  return value as Record<string, unknown>;
}
