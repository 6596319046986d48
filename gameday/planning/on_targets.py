"""Pure: the IAM statements of the calls of a fault's step that are not FIS's: its targets' reads, commands, logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gameday.plan import Call, PlannedFault
from gameday.planning.reading import group
from gameday.planning.statements import Conditions, Ground, Statement, actions_of, aimed, camel, prefix

NO_RESOURCE = frozenset({
    "ec2:DescribeInstances", "tag:GetResources", "ssm:ListCommands", "ssm:CancelCommand",
    "ssm:DescribeAutomationExecutions", "ssm:DescribeInstanceInformation", "ecs:DescribeTaskDefinition",
})  # fmt: skip
"""Actions without a resource level, and CancelCommand, whose resource is the command that is not known before."""


def on_targets(call: Call, fault: PlannedFault, where: Ground) -> Iterator[Statement]:
    """The statements of one call."""
    action = _action(call)
    rule = _RULES.get(action)
    if call.operation == "HeadBucket" and any(ident.startswith("aws:lambda:") for ident in actions_of(fault)):
        yield _configuration(where, call.why)
    elif action in NO_RESOURCE:
        yield Statement("Targets", (action,), why=call.why)
    elif rule:
        yield from rule(fault, where, call.why)
    else:
        yield from _on_arns(action, fault, where, call.why)


def _action(call: Call) -> str:
    """S3's permissions are not called as its operations are."""
    known = {"HeadBucket": "s3:ListBucket", "ListObjectsV2": "s3:ListBucket",
             "GetBucketReplication": "s3:GetReplicationConfiguration"}  # fmt: skip
    return known.get(call.operation, f"{prefix(call.service)}:{camel(call.operation)}")


def _configuration(where: Ground, why: str) -> Statement:
    """The bucket in which a function finds its faults: only the function knows which."""
    ours: Conditions = {"StringEquals": {"aws:ResourceAccount": where.account}}
    return Statement("Configuration", ("s3:ListBucket",), (f"arn:{where.partition}:s3:::*",), ours, why)


def _on_arns(action: str, fault: PlannedFault, where: Ground, why: str) -> Iterator[Statement]:
    """On the step's targets of that service; on all when none is known."""
    service, found = action.partition(":")[0], False
    for key in sorted(fault.targets):
        resources, conditions = aimed(fault, key, where)
        own = tuple(arn for arn in resources if f":{service}:" in arn)
        if own:
            found = True
            yield Statement("Targets", (action,), own, conditions, why)
    if not found:
        yield Statement("Targets", (action,), why=why)


def _buckets(fault: PlannedFault) -> list[tuple[str, str]]:
    """Bucket and prefix where the provider writes of the experiment."""
    places = [place.removeprefix("s3://").partition("/") for place in fault.exhibits if place.startswith("s3://")]
    return [(bucket, start) for bucket, _, start in places]


def _objects(fault: PlannedFault, where: Ground, why: str) -> Iterator[Statement]:
    for bucket, start in _buckets(fault):
        yield Statement("Exhibits", ("s3:GetObject",), (f"arn:{where.partition}:s3:::{bucket}/{start}*",), why=why)


def _bucket(fault: PlannedFault, where: Ground, why: str) -> Iterator[Statement]:
    """Listed for the log of an experiment, or asked whether it is there as a target."""
    named = tuple(f"arn:{where.partition}:s3:::{bucket}" for bucket, _ in _buckets(fault))
    aims = tuple(arn for arns in fault.targets.values() for arn in arns if ":s3:" in arn)
    yield Statement("Buckets", ("s3:ListBucket",), tuple(dict.fromkeys((*named, *aims))) or ("*",), why=why)


def _events(fault: PlannedFault, where: Ground, why: str) -> Iterator[Statement]:
    groups = [place for place in fault.exhibits if not place.startswith("s3://")]
    held = tuple(part for name in groups for part in group(name, where.arn))
    yield Statement("Exhibits", ("logs:FilterLogEvents",), held or ("*",), why=why)


def _document(settings: Any, where: Ground, kind: str) -> str:
    """AWS owns the documents that it names; they have no account."""
    name = str(settings.get("document", "*"))
    if name.startswith("arn:"):
        return name.replace(":document/", f":{kind}/") + (":*" if kind == "automation-definition" else "")
    owner = "" if name.startswith(("AWS-", "AWSFIS-", "AWSEC2-")) else where.account
    tail = ":*" if kind == "automation-definition" else ""
    return f"arn:{where.partition}:ssm:{where.region}:{owner}:{kind}/{name}{tail}"


def _send(fault: PlannedFault, where: Ground, why: str) -> Iterator[Statement]:
    yield Statement("Commands", ("ssm:SendCommand",), (_document(fault.settings, where, "document"),), why=why)
    for key in sorted(fault.targets):
        resources, conditions = aimed(fault, key, where)
        yield Statement("Commands", ("ssm:SendCommand",), resources, conditions, why)


def _automate(fault: PlannedFault, where: Ground, why: str) -> Iterator[Statement]:
    begun = where.arn("ssm", "automation-execution/*")
    document = _document(fault.settings, where, "automation-definition")
    yield Statement("Automations", ("ssm:StartAutomationExecution",), (document, begun), why=why)
    yield Statement("Automations", ("ssm:AddTagsToResource",), (begun,), why="say whose an automation is")


def _automation(action: str) -> Callable[[PlannedFault, Ground, str], Iterator[Statement]]:
    def rule(fault: PlannedFault, where: Ground, why: str) -> Iterator[Statement]:
        yield Statement("Automations", (action,), (where.arn("ssm", "automation-execution/*"),), why=why)

    return rule


_RULES: dict[str, Callable[[PlannedFault, Ground, str], Iterator[Statement]]] = {
    "s3:GetObject": _objects,
    "s3:ListBucket": _bucket,
    "logs:FilterLogEvents": _events,
    "ssm:SendCommand": _send,
    "ssm:StartAutomationExecution": _automate,
    "ssm:GetAutomationExecution": _automation("ssm:GetAutomationExecution"),
    "ssm:StopAutomationExecution": _automation("ssm:StopAutomationExecution"),
}
