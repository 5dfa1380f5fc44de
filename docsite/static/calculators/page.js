// Ties the forms of the page of calculators to the functions: each change of a field is calculated at once.

import { cores, disk, latency } from "./capacity.js";
import { FIGURES } from "./figures.js";
import { cheapest, others, plans } from "./price.js";
import { roi } from "./roi.js";

const DOLLARS = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 2 });
const NUMBER = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

for (const [name, show] of [["price", showPrice], ["capacity", showCapacity], ["roi", showReturn]]) {
  const form = document.querySelector(`form[data-calculator="${name}"]`);
  if (form === null) continue;
  const output = form.querySelector("output");
  const calculate = () => {
    const wrong = [...form.elements].find((field) => field.matches("input, select") && !field.checkValidity());
    output.replaceChildren(wrong === undefined ? show(read(form)) : paragraph(`${label(wrong)}: ${wrong.validationMessage}`));
  };
  form.addEventListener("input", calculate);
  form.addEventListener("submit", (event) => event.preventDefault());
  calculate();
}

function read(form) {
  const fields = [...form.elements].filter((field) => field.name);
  return Object.fromEntries(fields.map((field) => [field.name, field.type === "number" ? Number(field.value) : field.value]));
}

function label(field) {
  return field.labels[0].firstChild.textContent.trim();
}

function showPrice(month) {
  const offers = plans(FIGURES.plans, month);
  const best = cheapest(offers);
  const ours = offers.map((offer) => [
    `QuartzDB ${offer.title}${offer === best ? " (the one to take)" : ""}`,
    offer.dollars === null ? `not this plan: ${offer.why}` : DOLLARS.format(offer.dollars),
  ]);
  const theirs = Object.entries(others(month)).map(([name, dollars]) => [name, DOLLARS.format(dollars)]);
  return table(["A month at", "costs"], [...ours, ...theirs]);
}

function showCapacity(asked) {
  const held = disk(FIGURES.growth, asked);
  const fast = latency(FIGURES.growth, asked);
  const busy = cores(FIGURES.growth, asked);
  const size = (bytes) => `${NUMBER.format(bytes / 1e9)} GB`;
  return table(
    ["", ""],
    [
      ["On disk", `${size(held.together)}: vectors ${size(held.vectors)}, records ${size(held.records)}, index ${size(held.index)}`],
      ["A warm query, p50 / p99", fast === null ? "not measured" : `${NUMBER.format(fast.p50)} / ${NUMBER.format(fast.p99)} ms`],
      ["Cores for that rate", busy === null ? "not measured" : NUMBER.format(busy)],
    ],
  );
}

function showReturn(figures) {
  const found = roi(figures);
  return table(
    ["", ""],
    [
      ["Saved each month", DOLLARS.format(found.monthly)],
      ["Moving costs once", DOLLARS.format(found.once)],
      ["Back after", found.paybackMonths === null ? "never: it costs more here" : `${NUMBER.format(found.paybackMonths)} months`],
      ["Left after a year", DOLLARS.format(found.firstYear)],
    ],
  );
}

function table(titles, rows) {
  const made = document.createElement("table");
  if (titles.some(Boolean)) made.append(row("th", titles));
  for (const cells of rows) made.append(row("td", cells));
  return made;
}

function row(kind, cells) {
  const made = document.createElement("tr");
  for (const [place, text] of cells.entries()) {
    const cell = document.createElement(place === 0 && kind === "td" ? "th" : kind);
    cell.textContent = text;
    made.append(cell);
  }
  return made;
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}
