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
const answer = new TextEncoder().encode(await (await fetch(`${url}/v1/namespaces/${name}/query`, { method: "POST", headers, body: question })).text());
const value = new TextEncoder().encode("v");
const memory = async (_, { method = "GET" } = {}) => new Response(method === "POST" ? answer : value);
const alone = new QuartzDB({ fetch: memory }).namespace(name);
const asked = async (send) => (await send(`${url}/v1/namespaces/${name}/query`, { method: "POST", headers, body: question })).json();
const got = async (send) => (await send(`${url}/v1/namespaces/${name}/kv/k`, { headers })).arrayBuffer();
const calls = {
  "query, bare": () => asked(fetch),
  "query, client": () => namespace.query({ vector, topK: 10 }),
  "value, bare": () => got(fetch),
  "value, client": () => namespace.kv.get("k"),
  "query alone, bare": () => asked(memory),
  "query alone, client": () => alone.query({ vector, topK: 10 }),
  "value alone, bare": () => got(memory),
  "value alone, client": () => alone.kv.get("k"),
};
// The processor's microseconds for one call, by round: blocks in another order each. The first rounds are for the compiler.
const names = Object.keys(calls);
const spent = Object.fromEntries(names.map((one) => [one, []]));
for (let round = 0; round < Number(rounds) + 3; round++) {
  for (let at = 0; at < names.length; at++) {
    const what = names[(at + round) % names.length];
    const times = what.includes("alone") ? 500 : 50;
    const busy = process.cpuUsage();
    for (let call = 0; call < times; call++) await calls[what]();
    const { user, system } = process.cpuUsage(busy);
    if (round >= 3) spent[what].push((user + system) / times);
  }
}
console.log(JSON.stringify(spent));
