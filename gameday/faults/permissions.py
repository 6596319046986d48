"""What the role of FIS has to be allowed for the faults of a plan, and whom it trusts.

``data/fis-permissions.json`` has for each action the permissions that the AWS FIS user guide names ("AWS FIS actions
reference"), with the resource types of the Service Authorization Reference and the conditions of the managed policies
AWSFaultInjectionSimulator*. ``target:KEY`` stands for the targets of that key, ``parameter:NAME`` for a parameter,
``config-location`` for the bucket of the FIS extension for Lambda.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from gameday.faults.fis_settings import FisAction, FisSettings, fis_settings
from gameday.faults.fis_template import group_arn
from gameday.plan import Plan, PlannedFault
from gameday.planning.statements import (
    Conditions,
    Ground,
    Statement,
    actions_of,
    aimed,
    faults_in,
    fis_faults,
    ground,
    merged,
)

__all__ = ["fis_policy", "trust_policy", "unlisted_actions"]


@cache
def permissions() -> dict[str, list[dict[str, Any]]]:
    """FIS action -> its rules."""
    text = (files("gameday") / "data" / "fis-permissions.json").read_text(encoding="utf-8")
    found: dict[str, list[dict[str, Any]]] = json.loads(text)
    return found


def unlisted_actions(plan: Plan) -> list[str]:
    """Actions of the plan of which nobody here knows the permissions."""
    return sorted({ident for fault in fis_faults(plan) for ident in actions_of(fault)} - permissions().keys())


def fis_policy(plan: Plan, config_location: str | None = None, account: str | None = None) -> tuple[Statement, ...]:
    """The role that FIS takes on in one account of the environment (by name; None: its own, from where it reaches the
    others). ``config_location`` is the ARN that a function's AWS_FIS_CONFIGURATION_LOCATION has; without it any bucket
    of the account has to be allowed."""
    found: list[Statement] = []
    for _, fault, where in faults_in(plan, account):
        settings = fis_settings(fault.settings) if fault.provider == "fis" else None
        for part in settings.each if settings else ():
            assert settings is not None
            found += _action(_Rule(where, fault, settings, part, config_location))
    for fault in fis_faults(plan) if account is None else ():
        found += [*_exhibits(fis_settings(fault.settings), plan), *_reaches(plan, fault)]
    return merged(found)


def _action(rule: _Rule) -> Iterator[Statement]:
    ident = rule.part.action
    sid = "".join(word.title() for word in ident.removeprefix("aws:").replace(":", "-").split("-"))
    for one in permissions().get(ident, ()):
        yield from rule.statements(sid, one)


def _reaches(plan: Plan, fault: PlannedFault) -> Iterator[Statement]:
    """The orchestrator's role takes on that of each account of the targets (user guide, "Prerequisites for multi-
    account experiments"), its own among them."""
    environment = plan.environment_definition
    held = [environment.at(environment.name_of(ident)).fis_role for ident in fault.accounts]
    roles = tuple(role for role in held if role)
    if roles:
        yield Statement("ReachAccounts", ("sts:AssumeRole",), roles, why="FIS acts in the accounts of the targets")


class _Rule:
    """Fills in one rule of the data for one action of a plan."""

    def __init__(
        self, where: Ground, fault: PlannedFault, settings: FisSettings, part: FisAction, config: str | None
    ) -> None:
        self.where, self.fault, self.settings, self.part, self.config = where, fault, settings, part, config

    def statements(self, sid: str, rule: dict[str, Any]) -> Iterator[Statement]:
        """One for each way in which resources are told, since each has its own conditions."""
        plain, own = list[str](), self._conditions(rule.get("condition", {}))
        made = Statement(sid, tuple(rule["actions"]), why=f"FIS runs {self.part.action}",
                         needed=not rule.get("optional"))  # fmt: skip
        for form in rule["resources"]:
            resources, conditions = self._resources(form)
            if conditions:
                yield replace(made, resources=resources, conditions=_both(own, conditions))
            else:
                plain += resources
        if plain:
            yield replace(made, resources=tuple(dict.fromkeys(plain)), conditions=own)

    def _resources(self, form: str) -> tuple[tuple[str, ...], Conditions]:
        kind, _, name = form.partition(":")
        if kind == "target":
            key, slash, more = name.partition("/")
            resources, conditions = aimed(self.fault, self.settings.target(self.part, key), self.where)
            return tuple(f"{arn}{slash}{more}" for arn in resources), conditions
        if kind == "parameter":
            return (str(self.part.parameters.get(name, "*")),), {}
        if form == "config-location":
            return self._config()
        filled = form.format(partition=self.where.partition, region=self.where.region, account=self.where.account)
        return (filled,), {}

    def _config(self) -> tuple[tuple[str, ...], Conditions]:
        if self.config:
            return (f"{self.config.rstrip('/')}/*",), {}
        anywhere = f"arn:{self.where.partition}:s3:::*/*"
        return (anywhere,), {"StringEquals": {"aws:ResourceAccount": self.where.account}}

    def _conditions(self, given: dict[str, dict[str, str]]) -> Conditions:
        return {op: {key: self._filled(value) for key, value in keys.items()} for op, keys in given.items()}

    def _filled(self, value: str) -> str | tuple[str, ...]:
        return self._resources(value)[0] if value.startswith("target:") else value


def _both(one: Conditions, other: Conditions) -> Conditions:
    """All of both: within an operator all keys must hold."""
    return {op: {**one.get(op, {}), **other.get(op, {})} for op in dict.fromkeys((*one, *other))}


def _exhibits(settings: FisSettings, plan: Plan) -> Iterator[Statement]:
    """Delivery of the experiment's log, and its report (CloudWatch Logs user guide, "Enable logging from AWS
    services"; AWS FIS user guide, "Experiment report configurations")."""
    partition = ground(plan).partition
    if settings.logs:
        actions = ("logs:CreateLogDelivery", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies",
                   "logs:DescribeLogGroups")  # fmt: skip
        yield Statement("DeliverLog", actions, why="FIS delivers the experiment's log")
    if settings.logs and settings.logs.cloudwatch:
        held = group_arn(settings.logs.cloudwatch.group, plan.environment_definition)
        yield Statement("LogStream", ("logs:CreateLogStream", "logs:PutLogEvents"), (held,), why="write the log")
    if settings.logs and settings.logs.s3:
        bucket = (f"arn:{partition}:s3:::{settings.logs.s3.bucket}",)
        yield Statement("LogBucket", ("s3:GetBucketPolicy", "s3:PutBucketPolicy"), bucket, why="let logs come in")
    if settings.report:
        objects = (f"arn:{partition}:s3:::{settings.report.s3.bucket}/{settings.report.s3.prefix or ''}*",)
        yield Statement("Report", ("s3:PutObject", "s3:GetObject"), objects, why="FIS writes its report")
        boards = tuple(settings.report.dashboards) or ("*",)
        yield Statement("Dashboards", ("cloudwatch:GetDashboard",), boards, why="the report's dashboards")
        yield Statement("Widgets", ("cloudwatch:GetMetricWidgetImage",), why="the report's charts")


def trust_policy(plan: Plan, account: str | None = None) -> dict[str, Any]:
    """Who may take on the role of FIS in one account (by name; None: the environment's own). There FIS alone, for
    experiments of this account and its Regions (user guide, "Cross-service confused deputy prevention"); where targets
    of an experiment of several accounts are, the role of the first account alone, for its experiments (user guide,
    "Prerequisites for multi-account experiments")."""
    where = ground(plan)
    regions = dict.fromkeys([fault.region for fault in fis_faults(plan)] or [None])
    begun: Any = list(dict.fromkeys(ground(plan, None, region).arn("fis", "experiment/*") for region in regions))
    begun = begun[0] if len(begun) == 1 else begun
    fis = {
        "Sid": "FisForThisAccount", "Effect": "Allow", "Principal": {"Service": "fis.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": where.account}, "ArnLike": {"aws:SourceArn": begun}},
    }  # fmt: skip
    reached = any(where.account in fault.accounts for fault in fis_faults(plan))
    orchestrated = [_orchestrated(plan, where, begun)] if account or reached else []
    return {"Version": "2012-10-17", "Statement": [*([] if account else [fis]), *orchestrated]}


def _orchestrated(plan: Plan, where: Ground, begun: Any) -> dict[str, Any]:
    role = plan.environment_definition.fis_role or f"arn:{where.partition}:iam::{where.account}:role/*"
    return {
        "Sid": "FisOfTheFirstAccount", "Effect": "Allow", "Principal": {"AWS": where.account},
        "Action": "sts:AssumeRole",
        "Condition": {"StringLike": {"sts:ExternalId": begun}, "ArnLike": {"aws:PrincipalArn": role}},
    }  # fmt: skip
