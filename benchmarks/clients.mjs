// What a call costs in the client for JavaScript, beside bare fetch: see clients.py, which runs this.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.cwd()}/package.json`));
const { QuartzDB } = require("@quartzdb/client");
const [name, rounds, dimension] = process.argv.slice(2);
const url = process.env.QUARTZDB_URL;
const headers = { Authorization: `Bearer ${process.env.QUARTZDB_API_KEY}`, "Content-Type": "application/json" };
const vector = Float32Array.from({ length: Number(dimension) }, (_, at) => Math.sin(at));
const question = JSON.stringify({ vector: Buffer.from(vector.buffer).toString("base64"), top_k: 10 });
const namespace = new QuartzDB().namespace(name);
const calls = {
  "query, bare": async () => JSON.parse(await (await fetch(`${url}/v1/namespaces/${name}/query`, { method: "POST", headers, body: question })).text()),
  "query, client": () => namespace.query({ vector, topK: 10 }),
  "value, bare": async () => (await fetch(`${url}/v1/namespaces/${name}/kv/k`, { headers })).arrayBuffer(),
  "value, client": () => namespace.kv.get("k"),
};
const clock = Object.fromEntries(Object.keys(calls).map((one) => [one, []]));
const processor = Object.fromEntries(Object.keys(calls).map((one) => [one, 0]));
for (let round = 0; round < Number(rounds); round++) {
  for (const [what, call] of Object.entries(calls)) {
    const busy = process.cpuUsage();
    for (let at = 0; at < 50; at++) {
      const began = performance.now();
      await call();
      clock[what].push(performance.now() - began);
    }
    const { user, system } = process.cpuUsage(busy);
    if (round > 0) processor[what] += (user + system) / 50 / (rounds - 1);
  }
}
const median = (some) => [...some].sort((one, other) => one - other)[some.length >> 1];
const found = Object.fromEntries(Object.keys(calls).map((one) => [one, [median(clock[one]) * 1000, processor[one]]]));
for (const [what, [by, of]] of Object.entries(found)) {
  console.log(`JavaScript  ${what.padEnd(15)} ${by.toFixed(0).padStart(7)} µs by the clock, ${of.toFixed(0).padStart(6)} µs of the processor`);
}
for (const what of ["query", "value"]) {
  const [bare, client] = [found[`${what}, bare`], found[`${what}, client`]];
  console.log(`JavaScript  ${what}: ${(client[0] - bare[0]).toFixed(0)} µs more by the clock, ${(client[1] - bare[1]).toFixed(0)} of the processor`);
}
