// A call of the API as programs that one may paste: plain HTTP, nothing but what each language has (Rust: one crate). The
// key is taken from the environment, so that no program has it in it.

const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function pythonOf(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `${pythonOf(name)}: ${pythonOf(one)}`).join(", ")}}`;
  return JSON.stringify(value); // a string of JSON is one of Python, as lone surrogates are none that the API takes
}

function rustString(text) {
  let hashes = "#";
  while (text.includes(`"${hashes}`)) hashes += "#";
  return `r${hashes}"${text}"${hashes}`;
}

/** Texts by language, for a POST of this document to this address. */
export function programs(url, document) {
  const json = JSON.stringify(document);
  return {
    curl: `curl -sS ${shellQuoted(url)} \\
  -H "Authorization: Bearer $QUARTZDB_API_KEY" \\
  -H 'Content-Type: application/json' \\
  -d ${shellQuoted(json)}
`,
    python: `import json, os, urllib.request

body = ${pythonOf(document)}
request = urllib.request.Request(
    ${JSON.stringify(url)}, method="POST", data=json.dumps(body).encode(),
    headers={"Authorization": "Bearer " + os.environ["QUARTZDB_API_KEY"], "Content-Type": "application/json"})
print(json.load(urllib.request.urlopen(request)))
`,
    javascript: `const answer = await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: { Authorization: \`Bearer \${process.env.QUARTZDB_API_KEY}\`, "Content-Type": "application/json" },
  body: JSON.stringify(${json}),
});
console.log(JSON.stringify(await answer.json()));
`,
    rust: `// cargo add ureq@2
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = std::env::var("QUARTZDB_API_KEY")?;
    let body = ${rustString(json)};
    let answer = ureq::post(${JSON.stringify(url)})
        .set("Authorization", &format!("Bearer {key}"))
        .set("Content-Type", "application/json")
        .send_string(body)?;
    println!("{}", answer.into_string()?);
    Ok(())
}
`,
  };
}
