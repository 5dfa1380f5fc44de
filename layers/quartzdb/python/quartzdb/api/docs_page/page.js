"use strict";
// Renders /openapi.json. Whatever comes from the document or from a response is set as text, never as HTML.

const key = () => document.getElementById("key").value.trim();
let spec = {};

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

const resolve = (part) =>
  part && part.$ref ? part.$ref.slice(2).split("/").reduce((at, step) => at[step], spec) : part;

const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

function typeOf(schema) {
  schema = schema || {};
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.type === "array") return `[${typeOf(schema.items)}]`;
  return [].concat(schema.type || "any").join(" | ");
}

function limitsOf(schema) {
  const names = { minimum: "≥ ", maximum: "≤ ", minLength: "length ≥ ", maxLength: "length ≤ ",
    minItems: "items ≥ ", maxItems: "items ≤ ", pattern: "pattern " };
  const found = Object.keys(names).filter((name) => schema[name] !== undefined).map((name) => names[name] + schema[name]);
  if (schema.default !== undefined && schema.default !== null) found.push(`default ${JSON.stringify(schema.default)}`);
  return found.join(", ");
}

function modelsIn(schema) {
  if (!schema) return [];
  if (schema.$ref) return [schema.$ref];
  return [...(schema.anyOf || []), schema.items].flatMap(modelsIn);
}

function fields(schema, path = "", seen = []) {
  const whole = resolve(schema) || {};
  return Object.entries(whole.properties || {}).flatMap(([name, property]) => {
    const here = path + name;
    const row = el("tr", {},
      el("td", {}, el("code", {}, here), (whole.required || []).includes(name) ? " *" : ""),
      el("td", {}, el("code", {}, typeOf(property))),
      el("td", {}, property.description || "", " ", el("small", {}, limitsOf(property))));
    const inner = modelsIn(property).filter((ref) => !seen.includes(ref));
    const suffix = property.type === "array" ? "[]." : ".";
    return [row, ...inner.flatMap((ref) => fields({ $ref: ref }, here + suffix, [...seen, ref]))];
  });
}

function fieldTable(schema) {
  const rows = fields(schema);
  return rows.length ? el("table", {}, ...rows) : undefined;
}

function body(operation) {
  const content = (operation.requestBody || {}).content || {};
  const type = content["application/json"] ? "application/json" : Object.keys(content).pop();
  if (!type) return undefined;
  const media = content[type];
  const examples = media.examples || { example: { value: media.example || "" } };
  const text = el("textarea", { rows: 8, spellcheck: "false", "aria-label": "Request body" });
  const show = (name) => { text.value = pretty(examples[name].value); };
  show(Object.keys(examples)[0]);
  const choice = el("select", { onchange: (event) => show(event.target.value), "aria-label": "Example" },
    ...Object.keys(examples).map((name) => el("option", { value: name }, name)));
  return { type, text, node: el("div", {}, el("h3", {}, "Body"), el("p", { class: "quiet" }, type, " ",
    operation.requestBody.description || ""), fieldTable(media.schema), choice, text) };
}

function parameterTable(operation) {
  const inputs = (operation.parameters || []).map((parameter) => ({
    parameter, input: el("input", { "aria-label": parameter.name, placeholder: parameter.required ? "required" : "" }) }));
  if (!inputs.length) return { inputs };
  const rows = inputs.map(({ parameter, input }) => el("tr", {},
    el("td", {}, el("code", {}, parameter.name), parameter.required ? " *" : "", el("br"), el("small", {}, parameter.in)),
    el("td", {}, parameter.description || "", " ", el("small", {}, limitsOf(parameter.schema))), el("td", {}, input)));
  return { inputs, node: el("div", {}, el("h3", {}, "Parameters"), el("table", {}, ...rows)) };
}

function responses(operation) {
  const shown = Object.entries(operation.responses).map(([status, found]) => {
    const response = resolve(found);
    const [type, media] = Object.entries(response.content || {})[0] || [];
    const details = el("details", {}, el("summary", {}, el("strong", {}, status), response.description));
    const table = media && fieldTable(media.schema);
    const example = media && media.example !== undefined ? el("pre", {}, pretty(media.example)) : undefined;
    details.append(el("div", {}, el("p", { class: "quiet" }, type || "no content"), table, example));
    return details;
  });
  return el("div", {}, el("h3", {}, "Responses"), ...shown);
}

async function send(method, path, inputs, request, out) {
  const headers = {}, query = new URLSearchParams();
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value && parameter.in === "query") query.set(parameter.name, input.value);
    else if (input.value) headers[parameter.name] = input.value;
  }
  if (key()) headers["X-API-Key"] = key();
  if (request && !headers["Content-Type"]) headers["Content-Type"] = request.type;
  const url = path + (String(query) ? `?${query}` : "");
  out.textContent = `${method.toUpperCase()} ${url} …`;
  try {
    const begun = performance.now();
    const answer = await fetch(url, { method: method.toUpperCase(), headers, body: request ? request.text.value : undefined });
    const text = await answer.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it is */ }
    const head = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    out.textContent = `${answer.status} in ${Math.round(performance.now() - begun)} ms\n${head}\n\n${shown.slice(0, 50000)}`;
  } catch (error) {
    out.textContent = String(error);
  }
}

function operationNode(path, method, operation) {
  const { inputs, node: parameters } = parameterTable(operation);
  const request = body(operation);
  const out = el("pre", { "aria-live": "polite", hidden: "" });
  const button = el("button", { type: "button", onclick: () => {
    out.hidden = false;
    send(method, path, inputs, request, out);
  } }, "Send");
  return el("details", { id: operation.operationId },
    el("summary", {}, el("span", { class: `method ${method}` }, method.toUpperCase()),
      el("span", { class: "path" }, path), el("span", { class: "quiet" }, operation.summary)),
    el("div", {}, el("p", { class: "text" }, operation.description), parameters, request && request.node, button, out,
      responses(operation)));
}

function render() {
  document.title = `${spec.info.title} API`;
  document.getElementById("title").textContent = `${spec.info.title} ${spec.info.version}`;
  document.getElementById("intro").replaceChildren(el("p", { class: "text" }, spec.info.description));
  const all = Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })));
  const menu = document.getElementById("menu"), list = document.getElementById("operations");
  list.replaceChildren();
  for (const tag of spec.tags) {
    const own = all.filter(({ operation }) => operation.tags.includes(tag.name));
    const links = own.map(({ path, method, operation }) => el("a", { href: `#${operation.operationId}`,
      "data-text": `${method} ${path} ${operation.summary}`.toLowerCase() },
      el("span", { class: `method ${method}` }, method.toUpperCase()), operation.summary));
    menu.append(el("div", {}, el("h2", {}, tag.name), ...links));
    list.append(el("section", {}, el("h2", {}, tag.name), el("p", {}, tag.description),
      ...own.map(({ path, method, operation }) => operationNode(path, method, operation))));
  }
  document.getElementById("filter").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const link of menu.querySelectorAll("a")) link.hidden = !link.dataset.text.includes(wanted);
  });
}

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
}

fetch("/openapi.json").then((answer) => answer.json()).then((found) => {
  spec = found;
  render();
  openTarget();
  window.addEventListener("hashchange", openTarget);
}).catch((error) => { document.getElementById("operations").textContent = `Could not load /openapi.json: ${error}`; });
