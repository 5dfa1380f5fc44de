// What is said of an erasure: what is gone from where, and what it does not reach.

import { ask } from "./api.js";
import { busy, make, table } from "./dom.js";
import { moment } from "./format.js";
import { say } from "./settings.js";

/** An element that shows the report at a path, and has a button to look again. */
export async function erasureReport(path, show) {
  const part = make("section", { class: "card", tabindex: "-1" });
  async function look() {
    const { json } = await ask("GET", path);
    const when = (place) => (place.status === "gone" ? moment(place.at) : place.until === null ? "" : say("erasure.until", { at: moment(place.until) }));
    part.replaceChildren(
      make("h2", {}, say(`erasure.is_${json.status}`, { n: json.deleted })),
      table(say("erasure.places"), ["place", "status", "when", "why"].map((name) => say(`erasure.head_${name}`)),
        json.places.map((place) => [say(`erasure.place_${place.place}`), say(`erasure.status_${place.status}`), when(place), place.why ?? ""])),
      make("ul", {}, json.copies.map((one) => make("li", {}, one))),
      make("p", { class: "quiet" }, say("erasure.id", { id: json.id })),
      make("button", { type: "button", class: "quiet", onclick: () => busy(part, look, show) }, say("erasure.again")));
  }
  await look();
  return part;
}
