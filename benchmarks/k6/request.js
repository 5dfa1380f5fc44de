// What every scenario shares: where the server is, how to ask it, and what counts as an error.
import http from "k6/http";
import { Rate } from "k6/metrics";

export const errors = new Rate("errors");

const headers = {
  Authorization: `Bearer ${__ENV.KEY}`,
  "Content-Type": "application/json",
};

export function post(path, body, tags) {
  const response = http.post(`${__ENV.URL}/v1/namespaces/${path}`, body, { headers, tags });
  errors.add(response.status !== 200);
  return response;
}

// One closed loop per client: the next request goes out when the last was answered.
export function options() {
  return {
    scenarios: {
      clients: { executor: "constant-vus", vus: Number(__ENV.VUS), duration: __ENV.DURATION, gracefulStop: "10s" },
    },
    summaryTrendStats: ["avg", "med", "p(95)", "p(99)", "max"],
    discardResponseBodies: __ENV.READ_BODIES !== "1",
  };
}

export function summary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data) };
}
