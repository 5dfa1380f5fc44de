// Builds dist/: one file for import, one for require, and the types of both.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

rmSync("dist", { recursive: true, force: true });
rmSync("build/types", { recursive: true, force: true });
const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const common = {
  entryPoints: ["src/index.ts"],
  bundle: true,
  target: "es2022",
  platform: "neutral",
  legalComments: "none",
  minifySyntax: true,
  define: { __VERSION__: JSON.stringify(version) },
};
await build({ ...common, format: "esm", outfile: "dist/index.js" });
await build({ ...common, format: "cjs", outfile: "dist/index.cjs" });
execFileSync("node", ["node_modules/typescript/bin/tsc", "--outDir", "build/types"], { stdio: "inherit" });
mkdirSync("dist/types", { recursive: true });
for (const name of readdirSync("build/types")) {
  copyFileSync(`build/types/${name}`, `dist/types/${name}`);
}
writeFileSync("dist/index.d.ts", 'export * from "./types/index.js";\n');
// The same declarations as a module of CommonJS: file by file, since a declaration belongs to one kind of module.
mkdirSync("dist/types-cjs", { recursive: true });
for (const name of readdirSync("build/types")) {
  const text = readFileSync(`build/types/${name}`, "utf8").replace(/(["'])\.\/([\w-]+)\.js\1/g, '"./$2.cjs"');
  writeFileSync(`dist/types-cjs/${name.replace(/\.d\.ts$/, ".d.cts")}`, text);
}
writeFileSync("dist/index.d.cts", 'export * from "./types-cjs/index.cjs";\n');
