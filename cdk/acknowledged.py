"""Findings of the checkers that stand, each with its reason: next to the resource, in the form its checker reads.

cdk-nag's are acknowledged on the construct, checkov's in the metadata of the resource. There is no other way to
silence either here, so whoever reads a construct sees what is wrong with it, and why that is right.
"""

from __future__ import annotations

from typing import cast

from aws_cdk import Acknowledgment, CfnResource, Stack, Validations
from constructs import IConstruct

_CHECKOV = "checkov"


def acknowledge_nag(construct: IConstruct, reasons: dict[str, str]) -> None:
    """Accept findings of cdk-nag, by id, on a construct and all below it."""
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=finding, reason=reason) for finding, reason in reasons.items())
    )


def acknowledge_checkov(construct: IConstruct, reasons: dict[str, str]) -> None:
    """Accept findings of checkov, by id, on the one resource that a construct makes, or is."""
    resource = construct if isinstance(construct, CfnResource) else construct.node.default_child
    resource = cast(CfnResource, resource)
    present = resource.get_metadata(_CHECKOV) or {"skip": []}
    present["skip"] += [{"id": finding, "comment": reason} for finding, reason in reasons.items()]
    resource.add_metadata(_CHECKOV, present)


def acknowledge_helpers(stack: Stack) -> None:
    """Accept what checkov finds in the functions that the CDK adds of itself, to empty buckets while stacks go."""
    for child in stack.node.children:
        handler = child.node.try_find_child("Handler")
        if child.node.id.startswith("Custom::") and handler is not None:
            why = "The CDK's own, run by CloudFormation and only while a stack is changed."
            acknowledge_checkov(
                handler, dict.fromkeys(("CKV_AWS_115", "CKV_AWS_116", "CKV_AWS_117", "CKV_AWS_173"), why)
            )
