// Builds a filter of conditions, and groups of them, and shows it as JSON, which can also be typed or pasted. What the
// builder has no form for stays as JSON.

import { fill, make } from "./dom.js";
import { suggestFields } from "./fields.js";
import { oneLine } from "./format.js";
import { Mistake } from "./problem.js";
import { say } from "./settings.js";

const LISTS = ["$in", "$nin"];
const TYPES = {
  $exists: ["boolean"], $prefix: ["text"], $gt: ["number", "text"], $gte: ["number", "text"], $lt: ["number", "text"],
  $lte: ["number", "text"], $in: ["text", "number"], $nin: ["text", "number"],
};
const OPERATORS = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$prefix", "$contains"];
const typesOf = (operator) => TYPES[operator] ?? ["text", "number", "boolean", "null"];
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const typeOf = (value) => (value === null ? "null" : typeof value === "string" ? "text" : typeof value);

const newCondition = () => ({ field: "", operator: "$eq", type: "text", chosen: false, value: "" });
const newGroup = () => ({ join: "$and", not: false, parts: [] });

/** What a JSON document says, as a group; null where the builder has no form for it. */
export function read(document) {
  const part = readPart(document);
  if (part === null) return null;
  return part.parts && !part.not ? part : { ...newGroup(), parts: [part] };
}

function readPart(document) {
  if (!isObject(document)) return null;
  const parts = Object.entries(document).flatMap(([name, value]) => readEntry(name, value));
  if (parts.includes(null)) return null;
  return parts.length === 1 ? parts[0] : { ...newGroup(), parts };
}

function readEntry(name, value) {
  if (name === "$and" || name === "$or") {
    return Array.isArray(value) ? { join: name, not: false, parts: value.map(readPart) } : null;
  }
  if (name === "$not") {
    const inner = readPart(value);
    if (inner === null) return null;
    return inner.parts && !inner.not ? { ...inner, not: true } : { ...newGroup(), not: true, parts: [inner] };
  }
  if (name.startsWith("$")) return null;
  const operators = isObject(value) ? Object.entries(value) : [["$eq", value]];
  return operators.length ? operators.map(([operator, operand]) => readCondition(name, operator, operand)) : null;
}

function readCondition(field, operator, operand) {
  if (!OPERATORS.includes(operator)) return null;
  const given = { field, operator, chosen: true };
  if (LISTS.includes(operator)) {
    const types = Array.isArray(operand) ? [...new Set(operand.map(typeOf))] : [];
    const plain = types.length === 1 && typesOf(operator).includes(types[0]) && !operand.some((one) => String(one).includes(","));
    return plain ? { ...given, type: types[0], value: operand.join(", ") } : null;
  }
  const type = typeOf(operand);
  return typesOf(operator).includes(type) ? { ...given, type, value: operand === null ? "" : String(operand) } : null;
}

const hasNull = (part) => part === null || (part.parts ?? []).some(hasNull);

/** The JSON document of a part. Throws Mistake for a value that is not of its type. */
export function written(part) {
  if (!part.parts) return { [part.field]: part.operator === "$eq" ? operandOf(part) : { [part.operator]: operandOf(part) } };
  const parts = part.parts.filter((one) => (one.parts ? one.parts.length > 0 : one.field !== "")).map(written);
  const joined = parts.length === 0 ? {} : parts.length === 1 ? parts[0] : { [part.join]: parts };
  return part.not && parts.length ? { $not: joined } : joined;
}

function operandOf({ field, operator, type, value }) {
  if (LISTS.includes(operator)) {
    return value.split(",").map((one) => one.trim()).filter((one) => one !== "").map((one) => valueOf(field, type, one));
  }
  return valueOf(field, type, value);
}

function valueOf(field, type, text) {
  if (type === "null") return null;
  if (type === "boolean") return text === "true";
  if (type === "text") return text;
  if (text.trim() === "" || !Number.isFinite(Number(text))) throw new Mistake(say("filter.no_number", { text, field }));
  return Number(text);
}

/** A builder in an element. `changed` is called whenever the filter is another one. */
export class FilterBuilder {
  constructor(element, changed = () => {}) {
    this.root = newGroup();
    this.changed = changed;
    this.tree = make("div");
    this.problem = make("p", { class: "problem", hidden: true, role: "alert" });
    this.text = make("textarea", { id: `${element.id}-json`, rows: 3, spellcheck: "false", "aria-describedby": `${element.id}-hint` });
    this.text.addEventListener("input", () => this.typed());
    fill(element, this.tree, this.problem,
      make("label", { for: this.text.id }, say("filter.json")), this.text, make("small", { id: `${element.id}-hint` }, say("filter.json_hint")));
    this.draw();
    this.write();
  }

  /** The filter as a document; undefined where it accepts everything. Throws Mistake. */
  get value() {
    const text = this.text.value.trim();
    if (text === "") return undefined;
    try {
      const document = JSON.parse(text);
      return isObject(document) && Object.keys(document).length === 0 ? undefined : document;
    } catch (error) {
      throw new Mistake(say("filter.no_json", { why: error.message }));
    }
  }

  set value(document) {
    this.text.value = oneLine(document);
    this.typed();
  }

  typed() {
    let part = null;
    try {
      part = read(this.value ?? {});
    } catch {
      // told when it is used: it is still being typed
    }
    const known = part !== null && !hasNull(part);
    this.root = known ? part : newGroup();
    if (known) this.draw();
    else fill(this.tree, make("p", { class: "quiet" }, say("filter.json_only")));
    this.problem.hidden = true;
    this.changed();
  }

  write() {
    try {
      const document = written(this.root);
      this.text.value = Object.keys(document).length ? oneLine(document) : "";
      this.problem.hidden = true;
    } catch (error) {
      this.problem.textContent = error.message;
      this.problem.hidden = false;
    }
    this.changed();
  }

  draw() {
    fill(this.tree, this.group(this.root, null));
  }

  redraw(wanted) {
    this.draw();
    this.write();
    (wanted && this.tree.querySelector(wanted))?.focus();
  }

  group(group, parent) {
    const join = make("select", { "aria-label": say("filter.join"), onchange: () => { group.join = join.value; this.write(); } },
      ["$and", "$or"].map((one) => make("option", { value: one, selected: one === group.join }, say(`filter.join_${one.slice(1)}`))));
    const not = make("input", { type: "checkbox", checked: group.not, onchange: () => { group.not = not.checked; this.write(); } });
    const add = (part) => {
      group.parts.push(part);
      part.fresh = true;
      this.redraw(".fresh");
      delete part.fresh;
    };
    return make("fieldset", { class: "filter-group" },
      make("legend", {}, parent === null ? say("filter.title") : say("filter.group")),
      make("div", { class: "inline" }, join, make("label", {}, not, ` ${say("filter.not")}`)),
      group.parts.map((part) => (part.parts ? this.group(part, group) : this.condition(part, group))),
      make("div", { class: "inline" },
        make("button", { type: "button", class: "quiet add", onclick: () => add(newCondition()) }, say("filter.add")),
        make("button", { type: "button", class: `quiet${group.fresh ? " fresh" : ""}`, onclick: () => add(newGroup()) }, say("filter.add_group")),
        parent === null ? null : make("button", { type: "button", class: "quiet", onclick: () => this.remove(group, parent) }, say("filter.remove_group"))));
  }

  condition(part, parent) {
    const options = (names, chosen, word) => names.map((one) => make("option", { value: one, selected: one === chosen }, word(one)));
    const field = make("input", {
      value: part.field, "aria-label": say("filter.field"), placeholder: say("filter.field"), autocomplete: "off", spellcheck: "false",
      class: part.fresh ? "fresh" : null, oninput: () => { part.field = field.value.trim(); this.write(); },
    });
    const operator = make("select", {
      "aria-label": say("filter.operator"),
      onchange: () => {
        part.operator = operator.value;
        if (!typesOf(part.operator).includes(part.type)) [part.type] = typesOf(part.operator);
        if (part.type === "boolean" && part.value !== "false") part.value = "true";
        this.redraw(null);
      },
    }, options(OPERATORS, part.operator, (one) => say(`filter.is_${one.slice(1)}`)));
    const type = make("select", {
      "aria-label": say("filter.type"),
      onchange: () => {
        part.type = type.value;
        part.chosen = true;
        if (part.type === "boolean" && part.value !== "false") part.value = "true";
        this.redraw(null);
      },
    }, options(typesOf(part.operator), part.type, (one) => say(`filter.type_${one}`)));
    const value = part.type === "boolean"
      ? make("select", { "aria-label": say("filter.value"), onchange: () => { part.value = value.value; this.write(); } },
        options(["true", "false"], part.value, (one) => one))
      : make("input", {
        value: part.value, "aria-label": say("filter.value"), disabled: part.type === "null", autocomplete: "off", spellcheck: "false",
        placeholder: LISTS.includes(part.operator) ? say("filter.values") : say("filter.value"),
        oninput: () => {
          part.value = value.value;
          // A number is taken for one until somebody says otherwise.
          const looks = part.value.trim() !== "" && part.value.split(",").every((one) => one.trim() !== "" && Number.isFinite(Number(one))) ? "number" : "text";
          if (!part.chosen && typesOf(part.operator).includes(looks)) {
            part.type = looks;
            type.value = looks;
          }
          this.write();
        },
      });
    suggestFields(field);
    return make("div", { class: "condition", role: "group", "aria-label": say("filter.condition") }, field, operator, type, value,
      make("button", { type: "button", class: "quiet", "aria-label": say("filter.remove"), onclick: () => this.remove(part, parent) }, "✕"));
  }

  remove(part, parent) {
    parent.parts.splice(parent.parts.indexOf(part), 1);
    this.redraw(".add");
  }
}
