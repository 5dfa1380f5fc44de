// A feed: the changes of one kind in the order in which this site took them, a page at a time.
//
// Of an id only the latest state is there, as the changes that make it. `table` is Records or Keys.

import { PAGE_BYTES_MAX } from "../limits.js";
import { Refusal } from "../errors.js";
import { siteOf } from "../version.js";
import { encodeChange } from "../wire.js";
import { decodeCursor, encodeCursor } from "./cursor.js";

const ROWS_AT_ONCE = 1_000;

export class Feed {
  #name;
  #table;
  #progress;

  constructor(name, table, progress) {
    this.#name = name;
    this.#table = table;
    this.#progress = progress;
  }

  page({ cursor, limit, excludeSite }, nowMs) {
    const from = this.#begin(cursor);
    const page = new Page(limit);
    const place = this.#fill(page, from, excludeSite);
    const more = place.place <= this.#progress.head;
    return {
      changes: page.texts,
      cursor: this.#encode({ ...place, floor: from.floor }),
      more,
      // What comes within this millisecond is not in it.
      throughMs: more ? Math.max(0, (this.#table.touchedBefore(place.place) ?? 0) - 1) : nowMs - 1,
    };
  }

  #begin(cursor) {
    const { head, incarnation, forgotten } = this.#progress;
    const gone = forgotten[this.#name];
    if (cursor === null) return { place: 1, given: 0, floor: gone };
    const from = decodeCursor(this.#name, cursor);
    // Read on from there, one would never learn of what was deleted, and forgotten, in between. A place that this
    // storage has not come to yet is from before it was restored.
    if (from.incarnation !== incarnation || gone > Math.max(from.place - 1, from.floor) || from.place > head + 1) {
      throw new Refusal(410, "feed_gap", "The feed is no longer kept from that cursor on.", {
        field: "cursor",
        hint: "Compare digests and repair, then go on from the cursor in this answer.",
        more: { cursor: this.#encode({ place: head + 1, given: 0, floor: gone }) },
      });
    }
    return from;
  }

  // Fill the page; gives the place after it.
  #fill(page, { place, given }, excludeSite) {
    for (;;) {
      const rows = this.#table.rowsFrom(place, ROWS_AT_ONCE);
      for (const row of rows) {
        const done = row.place === place ? given : 0;
        const wanted = this.#table.versions(row).map((version) => siteOf(version) !== excludeSite);
        if (wanted.slice(done).some(Boolean)) {
          const changes = this.#table.changes(row.id);
          for (let at = done; at < changes.length; at += 1) {
            if (wanted[at] && !page.add(changes[at])) return { place: row.place, given: at };
          }
        }
        [place, given] = [row.place + 1, 0];
      }
      if (rows.length < ROWS_AT_ONCE) return { place: this.#progress.head + 1, given: 0 };
    }
  }

  #encode(place) {
    return encodeCursor(this.#name, this.#progress.incarnation, place);
  }
}

// Changes as text, up to a number and a size; at least one.
export class Page {
  constructor(limit) {
    this.texts = [];
    this.limit = limit;
    this.bytes = 0;
  }

  add(change) {
    return this.addAll([change]);
  }

  // All of some changes, or none.
  addAll(changes) {
    const encoded = changes.map(encodeChange);
    const bytes = encoded.reduce((sum, one) => sum + one.bytes + 1, this.bytes);
    const full = this.texts.length + changes.length > this.limit || bytes > PAGE_BYTES_MAX;
    if (full && this.texts.length) return false;
    this.texts.push(...encoded.map(({ text }) => text));
    this.bytes = bytes;
    return true;
  }
}
