"""Pure: IAM statements, where their ARNs lie, and what of a plan they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gameday.plan import Plan, PlannedFault, PlannedStep

RUN_TAG, STEP_TAG = "gameday:run", "gameday:step"
Conditions = Mapping[str, Mapping[str, str | tuple[str, ...]]]
PREFIXES = {"resourcegroupstaggingapi": "tag", "stepfunctions": "states", "elbv2": "elasticloadbalancing",
            "elb": "elasticloadbalancing", "events": "events"}  # fmt: skip
"""IAM's name of a service where boto3 calls it otherwise."""


@dataclass(frozen=True)
class Statement:
    """Actions that are allowed on resources. ``why`` is for people; what is not ``needed`` is only useful, so that its
    absence stops no run."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    conditions: Conditions = field(default_factory=dict)
    why: str = ""
    needed: bool = True

    def wire(self) -> dict[str, Any]:
        """As IAM takes it."""
        conditions = {op: {k: list(v) if isinstance(v, tuple) else v for k, v in keys.items()}
                      for op, keys in self.conditions.items()}  # fmt: skip
        found: dict[str, Any] = {"Sid": self.sid, "Effect": "Allow", "Action": list(self.actions),
                                 "Resource": list(self.resources)}  # fmt: skip
        return found | ({"Condition": conditions} if conditions else {})


def document(statements: Iterable[Statement]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": [statement.wire() for statement in statements]}


@dataclass(frozen=True)
class Ground:
    """Where ARNs of a plan lie."""

    partition: str
    region: str
    account: str

    def arn(self, service: str, tail: str) -> str:
        """An ARN of this account and Region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{tail}"


def ground(plan: Plan, account: str | None = None, region: str | None = None) -> Ground:
    """That of one account of the plan's environment (by name, None its own) and one Region (None the first)."""
    here = plan.environment_definition.at(account, region)
    start = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
    partition = next((name for prefix, name in start.items() if here.region.startswith(f"{prefix}-")), "aws")
    return Ground(partition, here.region, here.account)


def faults_in(plan: Plan, account: str | None = None) -> Iterator[tuple[PlannedStep, PlannedFault, Ground]]:
    """The faults that have targets in an account (by name, None the environment's own), and where these lie."""
    own = plan.environment_definition.account
    for step in plan.steps:
        fault = step.fault
        if fault and plan.environment_definition.at(account).account in (fault.accounts or (own,)):
            yield step, fault, ground(plan, account, fault.region)


def actions_of(fault: PlannedFault) -> tuple[str, ...]:
    """Every FIS action of a fault."""
    return fault.actions or (fault.action,)


def aimed(fault: PlannedFault, key: str, where: Ground) -> tuple[tuple[str, ...], Conditions]:
    """The resources of a target in this account, and the condition that keeps to them: where the target goes by tags,
    any of its kind that has them, since others may have them when the fault starts. S3 knows no such condition for
    every call, and its ARNs name no account."""
    held, tags = tuple(fault.targets.get(key, ())), fault.tags.get(key)
    arns = tuple(arn for arn in held if arn.split(":")[4:5] in ([""], [where.account]))
    if not tags or len(arns) < len(held):
        return arns, {}
    kinds = tuple(sorted({_any_of(arn) for arn in arns})) or ("*",)
    if any(":s3:" in kind for kind in kinds):
        return kinds, {}
    return kinds, {"StringEquals": {f"aws:ResourceTag/{name}": value for name, value in sorted(tags.items())}}


def _any_of(arn: str) -> str:
    """``arn:..:function:pay`` as ``arn:..:function:*``."""
    head, tail = arn.rsplit(":", 1)
    return f"{head}:{tail.partition('/')[0]}/*" if "/" in tail else f"{head}:*"


def merged(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """Those of one sid with equal resources and conditions as one, each action once; sids stay unique."""
    held: dict[Any, Statement] = {}
    for one in statements:
        key = (one.sid, one.resources, repr(one.conditions), one.needed)
        old = held.get(key)
        why = "; ".join(dict.fromkeys(filter(None, [*(old.why if old else "").split("; "), one.why])))
        actions = tuple(dict.fromkeys((*(old.actions if old else ()), *one.actions)))
        held[key] = replace(old or one, actions=actions, why=why)
    return tuple(_named(held.values()))


def _named(statements: Iterable[Statement]) -> Iterator[Statement]:
    taken: dict[str, int] = {}
    for one in statements:
        taken[one.sid] = taken.get(one.sid, 0) + 1
        yield replace(one, sid=f"{one.sid}{taken[one.sid]}") if taken[one.sid] > 1 else one


def fis_faults(plan: Plan) -> tuple[PlannedFault, ...]:
    """The faults that FIS injects."""
    return tuple(step.fault for step in plan.steps if step.fault and step.fault.provider == "fis")


def prefix(service: str) -> str:
    """A boto3 service as IAM names it."""
    return PREFIXES.get(service, service)


def camel(operation: str) -> str:
    """``start_query`` as ``StartQuery``; what is written so already stays. IAM does not mind case."""
    return (
        operation
        if "_" not in operation and operation[:1].isupper()
        else "".join(word[:1].upper() + word[1:] for word in operation.split("_"))
    )
