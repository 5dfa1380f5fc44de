// What may be sent to be searched, and whether it is that.

export interface Document {
  id: string;
  title: string;
  text: string;
  url?: string;
}

/** What was sent is no list of documents. `field` says where. */
export class InvalidDocuments extends Error {
  override readonly name = "InvalidDocuments";

  constructor(
    message: string,
    readonly field: string,
  ) {
    super(message);
  }
}

const DOCUMENTS_MAX = 100;
const ID = /^[\w.:/-]{1,200}$/;
const TITLE_CHARACTERS_MAX = 300;
const TEXT_CHARACTERS_MAX = 200_000;
const URL_CHARACTERS_MAX = 2_000;

/** The documents of a body: `{"documents": [{"id", "title", "text", "url"?}]}`. Throws InvalidDocuments; then nothing was done. */
export function documentsOf(body: unknown): Document[] {
  const given = (body as { documents?: unknown } | null)?.documents;
  if (!Array.isArray(given) || given.length === 0 || given.length > DOCUMENTS_MAX) {
    throw new InvalidDocuments(`documents must be a list of 1 to ${DOCUMENTS_MAX} documents.`, "documents");
  }
  const ids = new Set<string>();
  return given.map((one: unknown, at) => {
    const place = `documents[${at}]`;
    if (typeof one !== "object" || one === null) throw new InvalidDocuments("A document is an object.", place);
    const { id, title, text, url, ...others } = one as Record<string, unknown>;
    const other = Object.keys(others)[0];
    if (other !== undefined) throw new InvalidDocuments("A document has id, title, text and url, and nothing else.", `${place}.${other}`);
    if (typeof id !== "string" || !ID.test(id)) {
      throw new InvalidDocuments("id must have 1 to 200 letters, digits and any of . : / _ -", `${place}.id`);
    }
    if (ids.has(id)) throw new InvalidDocuments(`There are two documents ${id}.`, `${place}.id`);
    ids.add(id);
    const document: Document = {
      id,
      title: texted(title, "title", TITLE_CHARACTERS_MAX, place),
      text: texted(text, "text", TEXT_CHARACTERS_MAX, place),
    };
    if (url !== undefined) document.url = linked(url, place);
    return document;
  });
}

function texted(value: unknown, name: string, most: number, place: string): string {
  if (typeof value !== "string" || value.trim() === "" || value.length > most) {
    throw new InvalidDocuments(`${name} must be a text of 1 to ${most} characters.`, `${place}.${name}`);
  }
  return value.trim().toWellFormed();
}

/** A link that a page may show: of the web, and nothing that a browser would run. */
function linked(value: unknown, place: string): string {
  const url = typeof value === "string" && value.length <= URL_CHARACTERS_MAX && URL.canParse(value) ? new URL(value) : null;
  if (url === null || !["https:", "http:"].includes(url.protocol)) {
    throw new InvalidDocuments("url must be an address that begins with https:// or http://", `${place}.url`);
  }
  return url.href;
}
