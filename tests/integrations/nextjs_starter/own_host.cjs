// Loaded into every process of Next.js: writes down each connection that is not to this machine, and refuses it.
const { appendFileSync } = require("node:fs");
const { Socket } = require("node:net");

const HERE = new Set([undefined, "localhost", "127.0.0.1", "::1"]);
const connect = Socket.prototype.connect;

Socket.prototype.connect = function (...given) {
  const first = Array.isArray(given[0]) ? given[0][0] : given[0];
  const { path, host } = typeof first === "object" ? first : { path: undefined, host: given[1] };
  if (path === undefined && !HERE.has(typeof host === "string" ? host : undefined)) {
    appendFileSync(process.env.QUARTZDB_OUTSIDE, `${host}\n`);
    throw new Error(`Nothing is asked of ${host}.`);
  }
  return connect.apply(this, given);
};
