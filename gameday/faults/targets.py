"""From a technology resource of the service to the ARNs that AWS FIS is told: by ARN, by name, or by tags.

Only tags need a read (ec2 DescribeInstances, or GetResources of the tagging API); the rest is done offline.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gameday.aws import Aws, told
from gameday.errors import CouldNotStart, Problem
from gameday.faults.catalogue import Action
from gameday.faults.homes import home_of
from gameday.model.service import Technology
from gameday.model.workspace import Environment

ARNS_A_TARGET = 5  # AWS FIS user guide, "Targets": at most five resource ARNs
TAGS_ONLY = frozenset({"aws:s3:bucket-pause-replication"})  # AWS FIS actions reference: targets by tags alone
ARNS_ONLY = frozenset({"aws:ec2:api-insufficient-instance-capacity-error"})  # there too: no tags, filters, parameters
ONE_ARN = frozenset({"aws:eks:inject-kubernetes-custom-resource"})  # there too: exactly one
_INSTANCES = ("aws:ec2:instance", "aws:ec2:spot-instance")
_FORMS = {
    "aws:lambda:function": "lambda:{r}:{a}:function:{n}",
    "aws:dynamodb:table": "dynamodb:{r}:{a}:table/{n}",
    "aws:dynamodb:global-table": "dynamodb:{r}:{a}:table/{n}",
    "aws:s3:bucket": "s3:::{n}",
    "aws:kinesis:stream": "kinesis:{r}:{a}:stream/{n}",
    "aws:rds:db": "rds:{r}:{a}:db:{n}",
    "aws:rds:cluster": "rds:{r}:{a}:cluster:{n}",
    "aws:ecs:cluster": "ecs:{r}:{a}:cluster/{n}",
    "aws:eks:cluster": "eks:{r}:{a}:cluster/{n}",
    "aws:sqs:queue": "sqs:{r}:{a}:{n}",
    "aws:sns:topic": "sns:{r}:{a}:{n}",
    "aws:iam:role": "iam::{a}:role/{n}",
    "aws:dsql:cluster": "dsql:{r}:{a}:cluster/{n}",
    "aws:elasticache:replicationgroup": "elasticache:{r}:{a}:replicationgroup:{n}",
}
_BY_ID = {  # here the name must be the id, which has a known beginning
    "aws:ec2:instance": ("i-", "ec2:{r}:{a}:instance/{n}"),
    "aws:ec2:spot-instance": ("i-", "ec2:{r}:{a}:instance/{n}"),
    "aws:ec2:subnet": ("subnet-", "ec2:{r}:{a}:subnet/{n}"),
    "aws:ec2:ebs-volume": ("vol-", "ec2:{r}:{a}:volume/{n}"),
    "aws:ec2:vpc-endpoint": ("vpce-", "ec2:{r}:{a}:vpc-endpoint/{n}"),
    "aws:ec2:transit-gateway": ("tgw-", "ec2:{r}:{a}:transit-gateway/{n}"),
}
_TAGGED_AS = {
    "aws:dynamodb:global-table": "dynamodb:table",
    "aws:ec2:ebs-volume": "ec2:volume",
    "aws:ec2:autoscaling-group": "autoscaling:autoScalingGroup",
    "aws:s3:bucket": "s3",
}


def partition(region: str) -> str:
    """The partition of a Region, as ARNs write it."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def resolve(
    aws: Aws,
    action: Action | None,
    targets: Sequence[Technology],
    environment: Environment,
    by_parameters: bool = False,
) -> dict[str, tuple[str, ...]]:
    """ARNs by the action's target key (by resource type when the action is not in the catalogue). CouldNotStart names
    every resource that cannot be resolved. ``by_parameters``: a resource without arn, name and tags is one that FIS
    finds by the target's parameters (pods)."""
    found: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for technology in targets:
        key = action.key_of(technology.type) if action else technology.type
        if key is None:
            problems.append(_wrong_type(technology, action))
            continue
        held = found.setdefault(key, [])
        if by_parameters and not (technology.arn or technology.name or technology.tags):
            continue
        try:
            held.extend(arns_of(aws, technology, environment))
        except CouldNotStart as error:
            problems += error.problems
    tagged = tags_of(action, targets)
    problems += [*_odd(action, targets, tagged)]
    problems += [
        _too_many(key, len(set(arns)))
        for key, arns in found.items()
        if key not in tagged and len(set(arns)) > ARNS_A_TARGET
    ]
    if problems:
        raise CouldNotStart(problems)
    return {key: tuple(dict.fromkeys(arns)) for key, arns in found.items()}


def tags_of(action: Action | None, targets: Sequence[Technology]) -> dict[str, Mapping[str, str]]:
    """The tags that stand for a target key: where it has one resource, which is named by its tags alone. FIS takes
    tags or ARNs for a target, and all tags have to fit, so several resources are sent as the ARNs they have now."""
    by_key: dict[str, list[Technology]] = {}
    for technology in targets:
        key = action.key_of(technology.type) if action else technology.type
        by_key.setdefault(key or technology.type, []).append(technology)
    return {
        key: found[0].tags
        for key, found in by_key.items()
        if len(found) == 1 and _by_tags(found[0]) and not (action and action.id in ARNS_ONLY)
    }


def _by_tags(technology: Technology) -> bool:
    return bool(technology.tags) and not technology.arn and not technology.name


def _odd(
    action: Action | None, targets: Sequence[Technology], tagged: Mapping[str, Mapping[str, str]]
) -> Iterator[Problem]:
    """What FIS takes in one way alone for this action."""
    ident = action.id if action else ""
    if ident in TAGS_ONLY and not tagged:
        yield Problem(
            "TARGET_FORM", f"{ident} takes targets by tags alone", "one resource with tags and no arn or name"
        )
    if ident in ONE_ARN and len(targets) != 1:
        yield Problem("TARGET_FORM", f"{ident} takes exactly one resource", "targets: [one of them]")


def arns_of(aws: Aws, technology: Technology, environment: Environment) -> list[str]:
    """The ARNs of one resource, read in its own account and Region. CouldNotStart when there is none to be had, or
    these are not the environment's; CallFailed when AWS cannot be read."""
    home = home_of(technology, environment)
    aws, environment = aws.at(*home), environment.at(*home)
    if technology.arn:
        return [_filled(technology, technology.arn, environment)]
    if technology.name:
        return [_named(technology, _filled(technology, technology.name, environment), environment)]
    if not technology.tags:
        message = f"{technology.id} has neither arn, name nor tags"
        raise CouldNotStart(Problem("TARGET_UNRESOLVED", message, "arn: ..., name: ... or tags: {...}"))
    instances = technology.type in _INSTANCES
    found = sorted(_instances(aws, technology, environment) if instances else _listed(aws, technology))
    if not found:
        message = f"{technology.id}: nothing of type {technology.type} has the tags {technology.tags}"
        raise CouldNotStart(Problem("NO_TARGETS", message, "the tags of something that exists there"))
    return found


def by_tags(technology: Technology) -> tuple[str, str]:
    """Service and operation of the read that finds a resource by its tags."""
    if technology.type in _INSTANCES:
        return "ec2", "DescribeInstances"
    return "resourcegroupstaggingapi", "GetResources"


def id_of(arn: str) -> str:
    """The last part of an ARN: a function's or table's name, an instance's id."""
    return re.split("[:/]", arn.split(":", 5)[-1])[-1] if "/" in arn or arn.count(":") > 5 else arn.split(":", 5)[-1]


def _filled(technology: Technology, text: str, environment: Environment) -> str:
    text = text.replace("${region}", environment.region).replace("${account}", environment.account)
    left = re.search(r"\$\{[^}]*\}?", text)
    if left:
        message = f"{technology.id}: nothing is known to fill in for {left[0]}"
        raise CouldNotStart(Problem("TARGET_PLACEHOLDER", message, "${region}, ${account}, or the value itself"))
    return text


def _named(technology: Technology, name: str, environment: Environment) -> str:
    start, form = _BY_ID.get(technology.type, ("", _FORMS.get(technology.type, "")))
    if not form or not name.startswith(start):
        message = f"{technology.id}: the ARN of {technology.type} does not follow from the name {name!r}"
        write = f"name: {start}0123456789abcdef0, or tags: {{Name: {name}}}" if start else "arn: ..., or tags: {...}"
        raise CouldNotStart(Problem("TARGET_UNRESOLVED", message, write))
    tail = form.format(r=environment.region, a=environment.account, n=name)
    return f"arn:{partition(environment.region)}:{tail}"


def _instances(aws: Aws, technology: Technology, environment: Environment) -> Iterator[str]:
    wanted = [{"Name": f"tag:{key}", "Values": [value]} for key, value in technology.tags.items()]
    states = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
    head = f"arn:{partition(environment.region)}:ec2:{environment.region}:{environment.account}:instance"
    with told("ec2 DescribeInstances"):
        for page in aws.client("ec2").get_paginator("describe_instances").paginate(Filters=[*wanted, states]):
            for reservation in page["Reservations"]:
                yield from (f"{head}/{instance['InstanceId']}" for instance in reservation["Instances"])


def _listed(aws: Aws, technology: Technology) -> Iterator[str]:
    request: dict[str, Any] = {
        "TagFilters": [{"Key": key, "Values": [value]} for key, value in technology.tags.items()],
        "ResourceTypeFilters": [_TAGGED_AS.get(technology.type, technology.type.removeprefix("aws:"))],
    }
    with told("resourcegroupstaggingapi GetResources"):
        for page in aws.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(**request):
            yield from (item["ResourceARN"] for item in page["ResourceTagMappingList"])


def _wrong_type(technology: Technology, action: Action | None) -> Problem:
    takes = sorted(set(action.targets.values())) if action else []
    message = f"{technology.id} is of type {technology.type}, which the action does not take"
    return Problem("TARGET_TYPE", message, f"a resource of type {' | '.join(takes)}" if takes else "no targets")


def _too_many(key: str, count: int) -> Problem:
    message = f"{count} resources for {key}; FIS takes {ARNS_A_TARGET} ARNs for a target"
    return Problem("TOO_MANY_TARGETS", message, "several steps, or tags that fewer resources have")
