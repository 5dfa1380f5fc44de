// Exact cosine search over one tenant's vectors, which are held in memory with length one.
//
// They stand in blocks of rows, so that growing copies nothing; a row that was given up is used again.

import { DIMENSION } from "./limits.js";

const ROWS_IN_BLOCK = 512;
const LENGTH_MIN = 1e-30;

export class VectorIndex {
  constructor() {
    this.blocks = [];
    this.ids = []; // by row; null where the row is free
    this.rows = new Map();
    this.free = [];
  }

  get size() {
    return this.rows.size;
  }

  set(id, vector) {
    let row = this.rows.get(id);
    if (row === undefined) {
      row = this.free.pop() ?? this.ids.length;
      if (row === this.blocks.length * ROWS_IN_BLOCK) this.blocks.push(new Float32Array(ROWS_IN_BLOCK * DIMENSION));
      this.ids[row] = id;
      this.rows.set(id, row);
    }
    const start = (row % ROWS_IN_BLOCK) * DIMENSION;
    this.blocks[Math.floor(row / ROWS_IN_BLOCK)].set(unit(vector), start);
  }

  delete(id) {
    const row = this.rows.get(id);
    if (row === undefined) return;
    this.rows.delete(id);
    this.ids[row] = null;
    this.free.push(row);
  }

  // The k nearest as { id, score }, nearest first; of equal scores the lower id first.
  nearest(query, k) {
    const heap = new Nearest(k);
    const wanted = unit(query);
    for (let row = 0; row < this.ids.length; row += 1) {
      const id = this.ids[row];
      if (id === null) continue;
      const block = this.blocks[Math.floor(row / ROWS_IN_BLOCK)];
      const start = (row % ROWS_IN_BLOCK) * DIMENSION;
      let product = 0;
      for (let at = 0; at < DIMENSION; at += 1) product += block[start + at] * wanted[at];
      heap.offer(id, product);
    }
    return heap.sorted();
  }
}

function unit(vector) {
  let square = 0;
  for (const number of vector) square += number * number;
  const scale = 1 / Math.max(Math.sqrt(square), LENGTH_MIN);
  return Float32Array.from(vector, (number) => number * scale);
}

// Scores are compared as 32-bit floats, so that equal vectors are equal however their products were rounded.
const rounded = (score) => Math.min(1, Math.max(-1, Math.fround(score)));

const worse = (left, right) => left.score < right.score || (left.score === right.score && left.id > right.id);

// The best k of what is offered: a heap with the worst of them on top.
class Nearest {
  constructor(k) {
    this.k = k;
    this.heap = [];
  }

  offer(id, product) {
    const { heap } = this;
    const score = rounded(product);
    if (heap.length === this.k && score < heap[0].score) return;
    const match = { id, score };
    if (heap.length < this.k) {
      heap.push(match);
      this.#up(heap.length - 1);
    } else if (worse(heap[0], match)) {
      heap[0] = match;
      this.#down(0);
    }
  }

  sorted() {
    return this.heap.sort((left, right) => (worse(left, right) ? 1 : -1));
  }

  #up(place) {
    const { heap } = this;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!worse(heap[place], heap[parent])) return;
      [heap[place], heap[parent]] = [heap[parent], heap[place]];
      place = parent;
    }
  }

  #down(place) {
    const { heap } = this;
    for (;;) {
      let worst = place;
      for (const child of [2 * place + 1, 2 * place + 2]) {
        if (child < heap.length && worse(heap[child], heap[worst])) worst = child;
      }
      if (worst === place) return;
      [heap[place], heap[worst]] = [heap[worst], heap[place]];
      place = worst;
    }
  }
}
