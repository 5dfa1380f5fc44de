// What the page was told by whoever made it, and the words that its scripts say.

const element = document.getElementById("data-settings");
export const settings = JSON.parse(element.textContent);

/** The text of a name, `{n}` in it filled in. A name that is not known is a mistake, and looks like one. */
export function say(name, values = {}) {
  const text = settings.words[`data.${name}`] ?? `[data.${name}]`;
  return text.replace(/\{(\w+)\}/g, (whole, one) => (one in values ? String(values[one]) : whole));
}
