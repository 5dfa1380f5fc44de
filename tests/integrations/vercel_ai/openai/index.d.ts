import type { EmbeddingModel, LanguageModel } from "ai";

export declare const openai: ((model: string) => LanguageModel) & { embeddingModel(model: string): EmbeddingModel };
