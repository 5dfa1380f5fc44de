// The same in a page, which calls `runConformance`.

import { run } from "./runner.js";

globalThis.runConformance = run;
