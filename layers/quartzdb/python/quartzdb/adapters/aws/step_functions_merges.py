"""Large merges as executions of a Step Functions state machine (a standard one).

An execution's name is its merge's, so that a merge that is started twice runs once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from botocore.exceptions import ClientError

from quartzdb.adapters.aws.failure import error_code, told_as_unavailable
from quartzdb.domain.errors import Unavailable

_UNAVAILABLE = frozenset({"ExecutionLimitExceeded", "StateMachineDeleting", "StateMachineDoesNotExist"})


class StepFunctionsClient(Protocol):
    """What is used of boto3's client, whose types are not installed."""

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> Any:  # noqa: N803 - AWS's names
        """As AWS says."""
        ...


class StepFunctionsMerges:
    """MergeRuns over one state machine."""

    def __init__(self, client: StepFunctionsClient, machine_arn: str) -> None:
        self._client = client
        self._machine_arn = machine_arn

    def start(self, name: str, document: Mapping[str, Any]) -> None:
        """Start an execution. Raises Unavailable."""
        with told_as_unavailable(f"The state machine {self._machine_arn}"):
            try:
                self._client.start_execution(
                    stateMachineArn=self._machine_arn, name=name, input=orjson.dumps(document).decode()
                )
            except ClientError as error:
                code = error_code(error)
                if code in _UNAVAILABLE:
                    raise Unavailable(
                        f"The state machine {self._machine_arn} takes no executions ({code}).",
                        hint="Deploy the service stack; the merge is planned again.",
                    ) from error
                if code != "ExecutionAlreadyExists":
                    raise
