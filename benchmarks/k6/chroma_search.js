// Searches a Chroma server: each request is one of the set's queries, as a ready-made body.
import http from "k6/http";
import { errors, options as shared, summary } from "./request.js";

export const options = shared();
export const handleSummary = summary;

const bodies = JSON.parse(open(__ENV.QUERIES));
const headers = { "Content-Type": "application/json" };

export default function () {
  const response = http.post(__ENV.URL, bodies[Math.floor(Math.random() * bodies.length)], { headers });
  errors.add(response.status !== 200);
}
