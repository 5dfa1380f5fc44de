// Upserts only: ready-made batches, in which @@ stands for what makes each request's ids new.
import { Counter } from "k6/metrics";
import { options as shared, post, summary } from "./request.js";

export const options = shared();
export const handleSummary = summary;

// Each client has its own copy: a SharedArray would decode the text anew at each access, for longer than a search takes.
const bodies = JSON.parse(open(__ENV.BATCHES));
const written = new Counter("vectors_written");

export default function () {
  const body = bodies[__ITER % bodies.length].replaceAll("@@", `${__VU}-${__ITER}`);
  if (post(`${__ENV.NAMESPACE}/vectors`, body, { kind: "upsert" }).status === 200) {
    written.add(Number(__ENV.BATCH));
  }
}
