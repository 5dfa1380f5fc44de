// Builds the package in the folder where it is run: dist/ has modules and their types, one for each source file.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

rmSync("dist", { recursive: true, force: true });
execFileSync("node", [fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url))], { stdio: "inherit" });
