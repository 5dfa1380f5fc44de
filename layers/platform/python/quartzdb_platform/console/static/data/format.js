// Numbers, bytes and times as people read them.

import { say } from "./settings.js";

const whole = new Intl.NumberFormat("en");

export const number = (value) => whole.format(value);

export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let amount = value;
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`;
}

export const moment = (text) => (text === null ? say("common.never") : `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`);

/** What a request used, in units and, where there are prices, in dollars. */
export function receipt(usage) {
  const units = [];
  if (usage.read_units) units.push(say(`common.read_${usage.read_units === 1 ? "unit" : "units"}`, { n: number(usage.read_units) }));
  if (usage.write_units) units.push(say(`common.write_${usage.write_units === 1 ? "unit" : "units"}`, { n: number(usage.write_units) }));
  const text = units.join(", ") || say("common.no_units");
  return usage.cost_usd ? `${text}, $${usage.cost_usd}` : text;
}

/** The beginning of a text that is longer. */
export const cut = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);

/** A value as one line of JSON, spaced as people write it, so that it can be broken between its parts. */
export function oneLine(value) {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${oneLine(one)}`).join(", ")}}`;
}
