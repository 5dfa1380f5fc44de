// Nine searches to one upsert. After each upsert the very next request searches for what was written: it must come first.
import { Counter, Trend } from "k6/metrics";
import { options as shared, post, summary } from "./request.js";

export const options = shared();
export const handleSummary = summary;

// Each client has its own copy: a SharedArray would decode the text anew at each access, for longer than a search takes.
const bodies = JSON.parse(open(__ENV.QUERIES));
const checks = new Counter("own_writes_checked");
const violations = new Counter("own_writes_missed");
const searches = new Trend("search_duration", true);
const upserts = new Trend("upsert_duration", true);

export default function () {
  if (Math.random() < 0.9) {
    const body = bodies[Math.floor(Math.random() * bodies.length)];
    searches.add(post(`${__ENV.NAMESPACE}/query`, body, { kind: "search" }).timings.duration);
    return;
  }
  const id = `own-${__ENV.RUN}-${__VU}-${__ITER}`;
  const vector = [];
  for (let place = 0; place < Number(__ENV.DIMENSION); place++) {
    vector.push(Math.random() - 0.5);
  }
  const answer = post(`${__ENV.NAMESPACE}/vectors`, JSON.stringify({ vectors: [{ id, vector }] }), { kind: "upsert" });
  upserts.add(answer.timings.duration);
  if (answer.status !== 200) {
    return;
  }
  const found = post(`${__ENV.NAMESPACE}/query`, JSON.stringify({ vector, top_k: 1 }), { kind: "search" });
  searches.add(found.timings.duration);
  checks.add(1);
  const matches = found.status === 200 ? found.json("matches") : [];
  if (!matches.length || matches[0].id !== id) {
    violations.add(1);
  }
}
