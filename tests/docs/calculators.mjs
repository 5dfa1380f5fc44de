// Runs the calculators: a list of {module, call, arguments} on standard input, the list of what they gave on standard output.

import { readFileSync } from "node:fs";

const asked = JSON.parse(readFileSync(0, "utf8"));
const given = [];
for (const { module, call, arguments: values } of asked) {
  const { [call]: calculate } = await import(`../../docsite/static/calculators/${module}.js`);
  given.push(calculate(...values));
}
process.stdout.write(JSON.stringify(given));
