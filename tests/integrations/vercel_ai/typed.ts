// What TypeScript knows of the tool: this is compiled, not run.

import { QuartzDB } from "@quartzdb/client";
import { type SearchAnswer, quartzdbIngest, quartzdbSearch } from "@quartzdb/ai-sdk";
import { type InferToolInput, type InferToolOutput, generateText } from "ai";

const namespace = new QuartzDB().namespace("books");
const search = quartzdbSearch({
  namespace,
  embed: "openai/text-embedding-3-small",
  filters: { year: { type: "number" }, lang: { type: "string", values: ["en"] }, draft: { type: "boolean" } },
});
const plain = quartzdbSearch({ namespace });

export const input: InferToolInput<typeof search> = { query: "sand", filters: { year: { min: 1960 }, lang: ["en"], draft: true } };
export const output: SearchAnswer = {} as InferToolOutput<typeof search>;
// @ts-expect-error a number has ends
export const wrong: InferToolInput<typeof search> = { query: "sand", filters: { year: 1960 } };
// @ts-expect-error no such filter was declared
export const unknown: InferToolInput<typeof search> = { query: "sand", filters: { colour: ["red"] } };
// @ts-expect-error there is no such type of filter
quartzdbSearch({ namespace, filters: { year: { type: "integer" } } });
// @ts-expect-error the namespace itself, not its name
quartzdbSearch({ namespace: "books" });

const { steps } = await generateText({ model: "openai/gpt-5", tools: { search, plain }, prompt: "Go." });
for (const { toolResults } of steps) {
  for (const result of toolResults) {
    if (!result.dynamic && result.toolName === "search") console.log(result.output.results[0]?.metadata, result.output.omitted);
  }
}
const report = await quartzdbIngest([{ id: "a", text: "sand" }], { namespace, embed: async () => new Float32Array(3) });
console.log(report.failed.get("a")?.message);
