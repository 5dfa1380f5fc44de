"""Lambda's context object, with a clock that tests set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class FakeContext:
    """What Lambda gives a handler beside the event."""

    remaining_ms: int = 30_000
    aws_request_id: str = "11111111-2222-3333-4444-555555555555"
    function_name: str = "api"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:api"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda cuts the invocation off."""
        return self.remaining_ms
