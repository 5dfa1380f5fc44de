// Writes the Next.js starter into a new folder, as one begins with it:
//
//     node starter.mjs FOLDER [VERSION or tarball of @quartzdb/client]
//
// In here it has the client beside it; there it has what is published.
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const [folder, given] = process.argv.slice(2);
if (folder === undefined || existsSync(folder)) {
  console.error(folder === undefined ? "Say which folder to write." : `${folder} is there already: nothing was written.`);
  process.exit(1);
}
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const own = new Set(["node_modules", ".next", ".npmrc", "package-lock.json", "next-env.d.ts", ".env.local"]);
cpSync(here("nextjs-starter"), folder, {
  recursive: true,
  filter: (path) => !own.has(basename(path)) && !path.endsWith(".tsbuildinfo"),
});
const { version } = JSON.parse(readFileSync(here("../clients/javascript/package.json"), "utf8"));
const described = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
described.dependencies["@quartzdb/client"] = given ?? `^${version}`;
writeFileSync(join(folder, "package.json"), `${JSON.stringify(described, null, 2)}\n`);
