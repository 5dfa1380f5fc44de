// Stands for OpenAI's models in the README's example: the language model looks something up, and says what it read.

import * as mocks from "ai/test";
import { meaning, read, speaking } from "../../../models.js";

const EmbeddingModel = mocks.MockEmbeddingModelV4 ?? mocks.MockEmbeddingModelV3;
const NUMBERS = 1536;

export const openai = () => {
  const model = speaking({ query: "When does the office open?", filters: { topic: ["hours"] } }, "…");
  const generate = model.doGenerate;
  model.doGenerate = async (call) => {
    const answer = await generate(call);
    if (answer.content[0].type === "text") {
      const [first] = read([call], 0).value.results;
      answer.content[0].text = `${first.metadata.text} [${first.id}].`;
    }
    return answer;
  };
  return model;
};

openai.embeddingModel = () =>
  new EmbeddingModel({
    maxEmbeddingsPerCall: 2048,
    doEmbed: async ({ values }) => ({
      embeddings: values.map((text) => [...meaning(text), ...Array(NUMBERS - 3).fill(0)]),
      usage: { tokens: values.length },
      warnings: [],
    }),
  });
