// Searches only: each request is one of the set's queries, as a ready-made body.
import { options as shared, post, summary } from "./request.js";

export const options = shared();
export const handleSummary = summary;

// Each client has its own copy: a SharedArray would decode the text anew at each access, for longer than a search takes.
const bodies = JSON.parse(open(__ENV.QUERIES));

export default function () {
  post(`${__ENV.NAMESPACE}/query`, bodies[Math.floor(Math.random() * bodies.length)], { kind: "search" });
}
