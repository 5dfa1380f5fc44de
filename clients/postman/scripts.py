"""The scripts that look at answers, in the JavaScript of Postman."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from clients.postman.step import Step

EVERY_ANSWER = [
    'pm.test("it has a request id", () => pm.response.to.have.header("X-Request-Id"));',
]
"""Run after each request of the collection."""


def checks(step: Step, kind: str | None, form: Mapping[str, Any] | None) -> Sequence[str]:
    """Lines that hold an answer to what the step and the document say. `kind`: its content type, None without body."""
    wanted, codes = " or ".join(map(str, step.status)), json.dumps(list(step.status))
    lines = [f'pm.test("it answers {wanted}", () => pm.expect(pm.response.code).to.be.oneOf({codes}));']
    if kind is None:
        lines.append('pm.test("it has no body", () => pm.expect(pm.response.text()).to.eql(""));')
    elif "json" in kind:
        lines += [
            f'pm.test("it is {kind}", () => pm.expect(pm.response.headers.get("Content-Type")).to.include("{kind}"));',
            f"const form = {json.dumps(form, ensure_ascii=False)};",
            'pm.test("it has the form that the API says", () => pm.response.to.have.jsonSchema(form));',
            "const answer = pm.response.json();",
        ]
    else:
        lines.append("const answer = pm.response.text();")
    for found, meant in step.expects:
        name = json.dumps(f"{found} is {meant}", ensure_ascii=False)
        lines.append(f"pm.test({name}, () => pm.expect({found}).to.eql({meant}));")
    lines += [
        f'pm.collectionVariables.set("{variable}", {value});' for variable, value in step.remembers.items()
    ]
    return lines
