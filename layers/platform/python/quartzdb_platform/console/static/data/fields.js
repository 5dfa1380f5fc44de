// The fields that the metadata of a namespace has: asked for once, when somebody first wants to name one.

import { ask, at } from "./api.js";
import { announce, make } from "./dom.js";
import { say, settings } from "./settings.js";

/** As the API tells of them: [{field, records, values}], and whether there are more. */
export async function fieldsOf(namespace) {
  return (await ask("GET", at(namespace, "schema"))).json;
}

let asked = null;

/** Have an input suggest the fields. Without an answer it suggests none, and that is said. */
export function suggestFields(input) {
  input.setAttribute("list", "field-names");
  input.addEventListener("focus", () => {
    asked ??= fieldsOf(settings.namespace).then(
      ({ fields }) => {
        document.body.append(make("datalist", { id: "field-names" }, fields.map((one) => make("option", { value: one.field }))));
      },
      (error) => {
        asked = null;
        announce(say("fields.failed", { why: error.message }));
      },
    );
  });
  return input;
}
