import { InvalidRequest } from "@quartzdb/client";
import Form from "next/form";
import Link from "next/link";
import { excerptOf } from "@/lib/excerpt";
import { told } from "@/lib/failures";
import { type Found, QUERY_CHARACTERS_MAX, type Result, search } from "@/lib/search";

type Asked = Record<string, string | string[] | undefined>;

/** The whole page is made on the server, and works without scripts. */
export default async function Page({ searchParams }: { searchParams: Promise<Asked> }) {
  const asked = await searchParams;
  const query = first(asked.q).trim().slice(0, QUERY_CHARACTERS_MAX);
  const cursor = first(asked.cursor) || undefined;
  return (
    <main>
      <h1>
        <Link href="/">Search</Link>
      </h1>
      <Form action="/" role="search">
        <label htmlFor="q">What are you looking for?</label>
        <div className="field">
          <input id="q" name="q" type="search" key={query} defaultValue={query} maxLength={QUERY_CHARACTERS_MAX} autoComplete="off" required />
          <button type="submit">Search</button>
        </div>
      </Form>
      {query !== "" && <Answer query={query} cursor={cursor} />}
    </main>
  );
}

async function Answer({ query, cursor }: { query: string; cursor: string | undefined }) {
  let found: Found;
  try {
    found = await search(query, cursor);
  } catch (error) {
    const message = error instanceof InvalidRequest ? error.message : told(error);
    return (
      <p role="alert" className="problem">
        {message}
      </p>
    );
  }
  const { results, cursor: next } = found;
  const more = new URLSearchParams({ q: query, cursor: next ?? "" });
  return (
    <>
      <p role="status" className="quiet">
        {results.length === 0 ? `Nothing was found for “${query}”.` : `${results.length} ${results.length === 1 ? "document" : "documents"}`}
      </p>
      <ol className="results">
        {results.map((result) => (
          <Shown key={result.document} result={result} query={query} />
        ))}
      </ol>
      {next !== null && results.length > 0 && (
        <p>
          <Link href={`/?${more}`}>More documents</Link>
        </p>
      )}
    </>
  );
}

function Shown({ result: { title, url, passage }, query }: { result: Result; query: string }) {
  return (
    <li>
      <h2>{url === null ? title : <a href={url}>{title}</a>}</h2>
      {url !== null && <p className="quiet address">{url}</p>}
      <p>
        {excerptOf(passage, query).map(({ text, hit }, at) => (hit ? <mark key={at}>{text}</mark> : text))}
      </p>
    </li>
  );
}

function first(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? "";
}
