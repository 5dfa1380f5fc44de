// The same in workerd: a POST of {"scenarios", "url", "apiKey"} is answered with the results.

import { run } from "./runner.js";

export default {
  async fetch(request) {
    if (request.method !== "POST") return new Response("ready");
    const { scenarios, url, apiKey } = await request.json();
    return Response.json(await run(scenarios, url, apiKey));
  },
};
