// Models that say what a test wants them to say, whichever version of the AI SDK is there.

import * as mocks from "ai/test";

const LanguageModel = mocks.MockLanguageModelV4 ?? mocks.MockLanguageModelV3;
const EmbeddingModel = mocks.MockEmbeddingModelV4 ?? mocks.MockEmbeddingModelV3;
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
};

/** A model that takes these turns, one after another: a text, or the input of a call of the tool `search`. */
export function speaking(...turns) {
  let at = 0;
  const content = () => {
    const turn = turns[at++];
    if (typeof turn === "string") return [{ type: "text", text: turn }];
    return [{ type: "tool-call", toolCallId: `call-${at}`, toolName: "search", input: JSON.stringify(turn) }];
  };
  const finish = (parts) => ({ finishReason: { unified: parts[0].type === "text" ? "stop" : "tool-calls", raw: undefined }, usage });
  return new LanguageModel({
    doGenerate: async () => {
      const parts = content();
      return { content: parts, warnings: [], ...finish(parts) };
    },
    doStream: async () => {
      const parts = content();
      const chunks = parts.flatMap((part) =>
        part.type === "text"
          ? [{ type: "text-start", id: "1" }, { type: "text-delta", id: "1", delta: part.text }, { type: "text-end", id: "1" }]
          : [part],
      );
      const stream = mocks.convertArrayToReadableStream([
        { type: "stream-start", warnings: [] },
        ...chunks,
        { type: "finish", ...finish(parts) },
      ]);
      return { stream };
    },
  });
}

/** What the tool answered, as the model reads it in its `turn`-th prompt: the output of the last tool message. */
export function read(calls, turn) {
  const message = calls[turn].prompt.findLast(({ role }) => role === "tool");
  return message.content[0].output;
}

const MEANINGS = [/desert|dune|sand/gi, /sea|whale|ocean/gi, /village|marriage|courtship/gi];

/** Three numbers: how much a text is about deserts, the sea, and village life. */
export function meaning(text) {
  const counts = MEANINGS.map((one) => (text.match(one) ?? []).length + 0.01);
  const length = Math.hypot(...counts);
  return counts.map((count) => count / length);
}

/** A model of embeddings that takes a few texts at once, and counts their words. `calls` has what it was given. */
export function embedding({ atOnce = 100, fails = () => false } = {}) {
  const calls = [];
  const model = new EmbeddingModel({
    maxEmbeddingsPerCall: atOnce,
    supportsParallelCalls: true,
    doEmbed: async ({ values }) => {
      calls.push(values);
      if (values.some(fails)) throw new Error("The provider refuses this text.");
      const tokens = values.join(" ").split(/\s+/).length;
      return { embeddings: values.map(meaning), usage: { tokens }, warnings: [] };
    },
  });
  return { model, calls };
}
