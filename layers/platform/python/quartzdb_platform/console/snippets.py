"""The same first call in the languages people have at hand. Tests run each as it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_PYTHON = """\
import json, urllib.request

def call(method, path, body=None):
    request = urllib.request.Request(
        "{url}" + path, method=method, data=json.dumps(body).encode() if body else None,
        headers={{"Authorization": "Bearer {key}", "Content-Type": "application/json"}})
    return json.load(urllib.request.urlopen(request))

call("POST", "/v1/namespaces", {{"name": "hello-python", "dimension": 3}})
call("POST", "/v1/namespaces/hello-python/vectors", {{"vectors": [{{"id": "first", "vector": [1, 2, 3]}}]}})
print(call("POST", "/v1/namespaces/hello-python/query", {{"vector": [1, 2, 3], "top_k": 1}}))
"""
_JAVASCRIPT = """\
const call = async (method, path, body) => {{
  const answer = await fetch("{url}" + path, {{
    method, body: JSON.stringify(body),
    headers: {{ Authorization: "Bearer {key}", "Content-Type": "application/json" }},
  }});
  return answer.json();
}};

await call("POST", "/v1/namespaces", {{ name: "hello-javascript", dimension: 3 }});
await call("POST", "/v1/namespaces/hello-javascript/vectors", {{ vectors: [{{ id: "first", vector: [1, 2, 3] }}] }});
console.log(await call("POST", "/v1/namespaces/hello-javascript/query", {{ vector: [1, 2, 3], top_k: 1 }}));
"""
_RUST = """\
// cargo add ureq@2
fn call(path: &str, body: &str) -> Result<String, Box<dyn std::error::Error>> {{
    let answer = ureq::post(&format!("{url}{{path}}"))
        .set("Authorization", "Bearer {key}")
        .set("Content-Type", "application/json")
        .send_string(body)?;
    Ok(answer.into_string()?)
}}

fn main() -> Result<(), Box<dyn std::error::Error>> {{
    call("/v1/namespaces", r#"{{"name": "hello-rust", "dimension": 3}}"#)?;
    call("/v1/namespaces/hello-rust/vectors", r#"{{"vectors": [{{"id": "first", "vector": [1, 2, 3]}}]}}"#)?;
    println!("{{}}", call("/v1/namespaces/hello-rust/query", r#"{{"vector": [1, 2, 3], "top_k": 1}}"#)?);
    Ok(())
}}
"""


class Snippet(NamedTuple):
    """A program that one may paste. `name`: of its language, as its file would be called."""

    name: str
    text: str


def snippets(url: str, key: str, shell: str) -> Sequence[Snippet]:
    """For the database at `url`; `shell` is the one that the API gives, too."""
    return (
        Snippet("curl", shell),
        Snippet("Python", _PYTHON.format(url=url, key=key)),
        Snippet("JavaScript", _JAVASCRIPT.format(url=url, key=key)),
        Snippet("Rust", _RUST.format(url=url, key=key)),
    )
