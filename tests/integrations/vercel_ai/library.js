// A namespace of books, for one test.

import { QuartzDB } from "@quartzdb/client";
import { meaning } from "./models.js";

export const db = new QuartzDB();
const run = crypto.randomUUID().slice(0, 8);
let count = 0;

/** A name that no namespace has. */
export const name = () => `ai-${run}-${count++}`;

export const BOOKS = [
  { id: "dune", text: "A desert planet, and its giant worms.", year: 1965, lang: "en", published: "1965-08-01", draft: false, tenant: "a" },
  { id: "moby", text: "A captain hunts a white whale.", year: 1851, lang: "en", published: "1851-10-18T09:00:00Z", draft: false, tenant: "a" },
  { id: "emma", text: "Courtship in a village, by Bartholomew.", year: 1815, lang: "en", published: "1815-12-23", draft: false, tenant: "a" },
  { id: "wind", text: "Le vent, le sable et les étoiles: the sand.", year: 1939, lang: "fr", published: "1939-02-01", draft: true, tenant: "a" },
  { id: "secret", text: "A desert that only b may see.", year: 1990, lang: "en", published: "1990-01-01", draft: false, tenant: "b" },
];

/** A namespace with the books, searched by words and by meaning. */
export async function library(settings = { dimension: 3, text: { text: {} } }) {
  const namespace = await db.createNamespace({ name: name(), ...settings });
  await namespace.upsert(
    BOOKS.map(({ id, ...metadata }) => ({ id, ...(settings.dimension && { vector: meaning(metadata.text) }), metadata })),
  );
  return namespace;
}
