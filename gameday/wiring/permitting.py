"""What the roles of a run may do, asked of IAM and held against what its plan needs.

IAM simulates (SimulatePrincipalPolicy) where it lets us; else the role's policies are read and weighed here
(``planning/allowing``). What neither tells is unknown, a warning, and never taken for allowed. Reads only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import unquote

from gameday.aws import Aws, CallFailed, told
from gameday.errors import Problem
from gameday.faults.permissions import fis_policy
from gameday.plan import Plan, other_accounts
from gameday.planning.allowing import Excess, Need, allowed, excess, needs
from gameday.planning.policy import operator_policy
from gameday.planning.statements import Statement

AT_ONCE = 100  # actions of one simulation; IAM takes no more than its answer of 1,000 results holds


@dataclass(frozen=True)
class Answer:
    """What is known of one need: allowed, denied (False) or unknown (None)."""

    need: Need
    allowed: bool | None


@dataclass(frozen=True)
class Held:
    """A role held against what it needs. ``documents`` is None where its policies cannot be read; ``unasked`` says why
    nothing is known of it at all."""

    who: str
    role: str
    answers: Sequence[Answer]
    documents: Sequence[Mapping[str, Any]] | None = None
    unasked: str = ""
    beyond: Sequence[Excess] = ()
    absent: bool = False

    def problems(self) -> list[Problem]:
        """PERMISSION_MISSING, an error for what the plan cannot do without; PERMISSION_UNKNOWN, one warning;
        ROLE_MISSING."""
        if self.absent:
            create = "make it: gameday iam SCENARIO --cloudformation prints a stack that does"
            return [Problem("ROLE_MISSING", f"there is no role {self.role}", create)]
        write = f"give {self.role} what gameday iam prints for {self.who}"
        found = [Problem("PERMISSION_MISSING", f"{self.role} may not {one.need.action} on {one.need.resource}"
                         + (f" ({one.need.why})" if one.need.why else ""), write, None,
                         "error" if one.need.needed else "warning")
                 for one in self.answers if one.allowed is False]  # fmt: skip
        unknown = [one.need.action for one in self.answers if one.allowed is None]
        if unknown or self.unasked:
            what = self.unasked or f"nobody can say whether {self.role} may {', '.join(dict.fromkeys(unknown))}"
            found.append(Problem("PERMISSION_UNKNOWN", what, "allow iam:SimulatePrincipalPolicy", None, "warning"))
        return found


def missing_permissions(plan: Plan, door: Aws) -> list[Problem]:
    """What the one whose credentials these are, and the role of FIS, may not do of what the plan needs.

    A rehearsal asks only where its stand-in was told to enforce a role's policies: there the caller is a role.
    """
    role = caller(door)
    if role is None and door.endpoint is not None:
        return []
    return [problem for held in check(plan, door, role, with_excess=False) for problem in held.problems()]


def check(plan: Plan, door: Aws, role: str | None, *, with_excess: bool = True) -> Iterator[Held]:
    """Both roles, and those of each other account that the day reaches, as far as IAM tells. ``role`` is the operator's
    (see ``caller``); None: it is no role. A rehearsal's stand-in knows the policies of its first account alone."""
    operator = role or plan.environment_definition.role or ""
    yield _hold("operator", operator, operator_policy(plan), door, with_excess)
    yield from _fis(plan, None, door, with_excess)
    for name in other_accounts(plan) if door.endpoint is None else ():
        there = door.at(name)
        theirs = plan.environment_definition.accounts[name].role
        yield _hold(f"operator of {name}", theirs, operator_policy(plan, name), there, with_excess)
        yield from _fis(plan, name, there, with_excess)


def _fis(plan: Plan, account: str | None, door: Aws, with_excess: bool) -> Iterator[Held]:
    """The role of FIS, where there is one and it does something."""
    role, wanted = plan.environment_definition.at(account).fis_role, fis_policy(plan, account=account)
    if role and wanted:
        yield _hold(f"fis-role of {account}" if account else "fis-role", role, wanted, door, with_excess)


def caller(door: Aws) -> str | None:
    """The ARN of the role or user that these credentials are of; None for the account's root, and in a rehearsal that
    enforces nothing. CallFailed when STS does not say."""
    with told("sts GetCallerIdentity"):
        arn = str(door.client("sts").get_caller_identity()["Arn"])
    kind, *names = arn.rsplit(":", 1)[1].split("/")
    if kind == "assumed-role":
        return _role(door, arn, names[0])
    return arn if kind == "user" and door.endpoint is None else None


def _role(door: Aws, arn: str, name: str) -> str:
    """A session's ARN has lost the role's path; IAM knows it."""
    given = door.environment.role
    if given and given.rsplit("/", 1)[-1] == name:
        return given
    try:
        with told("iam GetRole"):
            return str(door.client("iam").get_role(RoleName=name)["Role"]["Arn"])
    except CallFailed:
        head = arn.split(":")
        return f"arn:{head[1]}:iam::{head[4]}:role/{name}"


def _hold(who: str, role: str, statements: Sequence[Statement], door: Aws, with_excess: bool) -> Held:
    if not role:
        return Held(who, who, (), unasked="these credentials are of no role or user that IAM can be asked about")
    wanted = list(needs(statements))
    documents = _read(door, role) if with_excess else None
    try:
        answers = list(_simulated(door, role, wanted))
    except CallFailed as error:
        if error.missing:
            return Held(who, role, (), absent=True)
        documents = documents if documents is not None else _read(door, role)
        if documents is None:
            why = f"{role}: {error.problems[0].message}, and its policies cannot be read"
            return Held(who, role, (), None, why)
        answers = [Answer(need, allowed(documents, need)) for need in wanted]
    beyond = excess(documents, statements) if with_excess and documents is not None else ()
    return Held(who, role, answers, documents, "", beyond)


def _simulated(door: Aws, role: str, wanted: Sequence[Need]) -> Iterator[Answer]:
    """One simulation for each resource with its condition keys. Where IAM says that keys are missing it is unknown."""
    ordered = sorted(wanted, key=lambda need: (need.resource, repr(need.keys)))
    for (resource, _), same in groupby(ordered, key=lambda need: (need.resource, repr(need.keys))):
        group = list(same)
        for at in range(0, len(group), AT_ONCE):
            yield from _asked(door, role, resource, group[at : at + AT_ONCE])


def _asked(door: Aws, role: str, resource: str, group: Sequence[Need]) -> Iterator[Answer]:
    context = [{"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": _kind(values)}
               for key, values in group[0].keys.items() if not key.endswith(":FisTargetArns")]  # fmt: skip
    request = {"PolicySourceArn": role, "ActionNames": [need.action for need in group], "ResourceArns": [resource],
               "ContextEntries": context}  # fmt: skip
    with told("iam SimulatePrincipalPolicy"):
        pages = door.client("iam").get_paginator("simulate_principal_policy").paginate(**request)
        said = {one["EvalActionName"].lower(): _said(one) for page in pages for one in page["EvaluationResults"]}
    for need in group:
        yield Answer(need, said.get(need.action.lower()))


def _kind(values: Sequence[str]) -> str:
    return "stringList" if len(values) > 1 else "string"


def _said(result: Mapping[str, Any]) -> bool | None:
    if result["EvalDecision"] == "allowed":
        return True
    return None if result.get("MissingContextValues") else False


def _read(door: Aws, role: str) -> list[Mapping[str, Any]] | None:
    """The documents of a role's policies, its own and those attached; None when they cannot be read."""
    if ":role/" not in role:
        return None
    name = role.rsplit("/", 1)[-1]
    try:
        return [*_inline(door, name), *_attached(door, name)]
    except CallFailed:
        return None


def _inline(door: Aws, name: str) -> Iterator[Mapping[str, Any]]:
    iam = door.client("iam")
    with told("iam GetRolePolicy"):
        for page in iam.get_paginator("list_role_policies").paginate(RoleName=name):
            for policy in page["PolicyNames"]:
                yield _document(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])


def _attached(door: Aws, name: str) -> Iterator[Mapping[str, Any]]:
    iam = door.client("iam")
    with told("iam GetPolicyVersion"):
        for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=name):
            for policy in page["AttachedPolicies"]:
                arn = policy["PolicyArn"]
                version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
                found = iam.get_policy_version(PolicyArn=arn, VersionId=version)
                yield _document(found["PolicyVersion"]["Document"])


def _document(given: Any) -> Mapping[str, Any]:
    """boto3 decodes most of them, not all."""
    found: Mapping[str, Any] = json.loads(unquote(given)) if isinstance(given, str) else given
    return found
