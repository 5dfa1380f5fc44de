import "server-only";
import { Forbidden, type Namespace, QuartzDB } from "@quartzdb/client";
import { databaseSettings, embeddingSettings, namespaceName } from "@/lib/settings";

let database: QuartzDB | undefined;

function connected(): QuartzDB {
  return (database ??= new QuartzDB({ ...databaseSettings(), timeoutSeconds: 20 }));
}

/** The namespace that is searched. Nothing is sent. */
export function documents(): Namespace {
  return connected().namespace(namespaceName());
}

/** The same, after it was created where it was not there. A key that may not create one needs it to be there. */
export async function createdDocuments(): Promise<Namespace> {
  try {
    return await connected().createNamespace({
      name: namespaceName(),
      dimension: embeddingSettings()?.dimension,
      text: { title: {}, text: {} },
    });
  } catch (error) {
    if (error instanceof Forbidden) return documents();
    throw error;
  }
}
