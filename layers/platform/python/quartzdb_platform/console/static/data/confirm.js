// Confirming what cannot be undone: a part that is opened, says what will happen, and does it at a second press.

import { busy, make } from "./dom.js";

/** `work` is done when the button in it is pressed; `show` is told of what goes wrong. */
export function confirm(summary, what, button, work, show) {
  const part = make("details", { class: "confirm" }, make("summary", {}, summary), make("p", {}, what),
    make("button", { type: "button", class: "danger", onclick: () => busy(part, work, show) }, button));
  return part;
}
