// node conformance/node.js, with QUARTZDB_URL (the proxy's) and QUARTZDB_API_KEY: one line of JSON for each scenario.

import { readFileSync, readdirSync } from "node:fs";
import { run } from "./runner.js";

const folder = new URL("../../conformance/scenarios/", import.meta.url);
const scenarios = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .sort()
  .flatMap((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")));
let failed = 0;
for (const result of await run(scenarios, process.env.QUARTZDB_URL, process.env.QUARTZDB_API_KEY)) {
  failed += result.problems.length ? 1 : 0;
  console.log(JSON.stringify(result));
}
process.exitCode = failed ? 1 : 0;
