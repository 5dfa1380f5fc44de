"""What to paste into a shell next: from a new key to a first answer, in plain curl."""

from __future__ import annotations

from quartzdb.domain.namespace import Namespace

EXAMPLE_NAMESPACE = "hello"
EXAMPLE_DIMENSION = 3


def quickstart(url: str, key: str, namespace: Namespace | None) -> str:
    """A shell script for the database at `url`. It makes a namespace only where there is none yet."""
    name = EXAMPLE_NAMESPACE if namespace is None else namespace.name
    dimension = EXAMPLE_DIMENSION if namespace is None else namespace.settings.dimension
    begin = f"URL={url}\nAUTH='Authorization: Bearer {key}'\nJSON='Content-Type: application/json'\n"
    if namespace is None:
        begin += (
            f'curl -s "$URL/v1/namespaces" -H "$AUTH" -H "$JSON" '
            f"""-d '{{"name": "{name}", "dimension": {dimension}}}'\n"""
        )
    if dimension is None:
        item = f'"$URL/v1/namespaces/{name}/kv/greeting" -H "$AUTH"'
        return begin + f"curl -s -X PUT {item} -d 'good morning'\ncurl -s {item}\n"
    # As many numbers as the namespace has dimensions, however many these are.
    return begin + (
        f'VECTOR="[$(seq {dimension} | paste -sd, -)]"\n'
        f'curl -s "$URL/v1/namespaces/{name}/vectors" -H "$AUTH" -H "$JSON" '
        """-d "{\\"vectors\\": [{\\"id\\": \\"first\\", \\"vector\\": $VECTOR}]}"\n"""
        f'curl -s "$URL/v1/namespaces/{name}/query" -H "$AUTH" -H "$JSON" '
        """-d "{\\"vector\\": $VECTOR, \\"top_k\\": 1}"\n"""
    )
