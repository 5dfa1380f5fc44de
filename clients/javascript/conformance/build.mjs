// Puts runner and client together for places that load one file: build/conformance/.
import { build } from "esbuild";

for (const name of ["browser", "worker"]) {
  await build({
    entryPoints: [`conformance/${name}.js`],
    outfile: `build/conformance/${name}.js`,
    bundle: true,
    format: "esm",
    platform: "neutral",
    alias: { "@quartzdb/client": "./dist/index.js" },
  });
}
