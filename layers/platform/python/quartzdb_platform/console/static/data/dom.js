// Elements, made of text alone: nothing that came from a database is ever read as HTML.

const present = (children) => children.flat().filter((child) => child !== null && child !== undefined);

/** An element with attributes (`onclick` and the like are listeners) and children, of which null is left out. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...present(children));
  return element;
}

export const find = (id) => document.getElementById(id);

/** Put these in the place of all that is in an element. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

/** Have whoever listens to the page hear it, and whoever looks at it see it. */
export function announce(text) {
  find("data-status").textContent = text;
}

/** A table that scrolls by itself where it is too wide. `rows` are arrays of cells; the first cell names its row. */
export function table(label, heads, rows) {
  const head = (text) => (text === "" ? make("td") : make("th", { scope: "col" }, text));
  const cell = (content, at) => make(at === 0 ? "th" : "td", at === 0 ? { scope: "row" } : {}, content);
  return make("div", { class: "table", tabindex: "0", role: "region", "aria-label": label },
    make("table", {},
      make("thead", {}, make("tr", {}, heads.map(head))),
      make("tbody", {}, rows.map((row) => make("tr", {}, row.map(cell))))));
}

/** Names and what they are. */
export function facts(pairs) {
  return make("dl", {}, pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

/** Do something while the buttons of an element wait for it; `show` is told of what goes wrong, and first of nothing. */
export async function busy(element, work, show) {
  const buttons = [...element.querySelectorAll("button")].filter((button) => !button.disabled);
  buttons.forEach((button) => { button.disabled = true; });
  element.setAttribute("aria-busy", "true");
  show(null);
  try {
    return await work();
  } catch (error) {
    show(error);
    return undefined;
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
    element.removeAttribute("aria-busy");
  }
}

/** Have a form do something when it is sent; `work` is given the button. */
export function onSubmit(form, work, show) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(form, () => work(event.submitter), show);
  });
}
