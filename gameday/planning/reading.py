"""Pure: the IAM statements of what observers read, one rule a source of signals (Service Authorization Reference)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from gameday.plan import Plan, Signal
from gameday.planning.statements import Statement, ground

Arn = Callable[[str, str], str]
_STATES = {  # type -> action, service, form of the resource; None: the action has no resource level, or lists
    "aws:ec2:instance": ("ec2:DescribeInstances", "ec2", None),
    "aws:lambda:function": ("lambda:GetFunctionConfiguration", "lambda", "function:{}"),
    "aws:dynamodb:table": ("dynamodb:DescribeTable", "dynamodb", "table/{}"),
    "aws:rds:db": ("rds:DescribeDBInstances", "rds", "db:*"),
    "aws:rds:cluster": ("rds:DescribeDBClusters", "rds", "cluster:*"),
    "aws:ecs:task": ("ecs:DescribeTasks", "ecs", "task/{}"),
    "aws:ecs:service": ("ecs:DescribeServices", "ecs", "service/{}"),
}


def reads(plan: Plan, account: str | None = None) -> Iterator[Statement]:
    """A statement for each signal that is read in an account (by name, None the environment's own); equal ones are
    merged afterwards."""
    for signal in (s for s in plan.signals if s.account == account):
        rule, arn = _RULES.get(signal.source), ground(plan, account, signal.region).arn
        for actions, resources in rule(signal, arn) if rule else ():
            yield Statement("Watch", actions, resources, why=f"read {signal.id}")


Pair = tuple[tuple[str, ...], tuple[str, ...]]  # actions, resources
Rule = Callable[[Signal, Arn], Iterator[Pair]]


def _metric(signal: Signal, arn: Arn) -> Iterator[Pair]:
    yield ("cloudwatch:GetMetricData",), ("*",)


def _alarm(signal: Signal, arn: Arn) -> Iterator[Pair]:
    """DescribeAlarms is asked for a list of names, which IAM takes for any alarm; what an alarm was between two looks
    its history tells."""
    yield ("cloudwatch:DescribeAlarms",), (arn("cloudwatch", "alarm:*"),)
    yield ("cloudwatch:DescribeAlarmHistory",), (arn("cloudwatch", f"alarm:{signal.query['alarm']}"),)


def _logs(signal: Signal, arn: Arn) -> Iterator[Pair]:
    groups = signal.query.get("groups") or ()
    yield ("logs:StartQuery",), tuple(part for name in groups for part in group(str(name), arn))
    yield ("logs:GetQueryResults", "logs:StopQuery"), ("*",)


def group(name: str, arn: Arn) -> tuple[str, str]:
    """A log group in both forms: IAM has the second for its streams."""
    held = name.removesuffix(":*") if name.startswith("arn:") else arn("logs", f"log-group:{name}")
    return held, f"{held}:*"


def _slo(signal: Signal, arn: Arn) -> Iterator[Pair]:
    name = str(signal.query["slo"])
    held = name if name.startswith("arn:") else arn("application-signals", f"slo/{name}")
    yield ("application-signals:BatchGetServiceLevelObjectiveBudgetReport",), (held,)


def _graph(signal: Signal, arn: Arn) -> Iterator[Pair]:
    yield ("xray:GetServiceGraph",), ("*",)


def _traces(signal: Signal, arn: Arn) -> Iterator[Pair]:
    yield ("xray:GetTraceSummaries", "xray:GetServiceGraph"), ("*",)


def _state(signal: Signal, arn: Arn) -> Iterator[Pair]:
    found = _STATES.get(str(signal.query.get("type")))
    if found is None:
        return
    action, service, form = found
    names = [part for part in re.split(r"[,\s]+", str(signal.query["id"])) if part]
    if form is None:
        yield (action,), ("*",)
    else:
        yield (action,), tuple(dict.fromkeys(_held(name, service, form, arn) for name in names))


def _held(name: str, service: str, form: str, arn: Arn) -> str:
    return name if name.startswith("arn:") and "{}" in form else arn(service, form.format(name))


_RULES: dict[str, Rule] = {
    "cloudwatch.metric": _metric,
    "cloudwatch.expression": _metric,
    "cloudwatch.alarm": _alarm,
    "logs.count": _logs,
    "slo.budget": _slo,
    "xray.service": _graph,
    "xray.edge": _graph,
    "xray.traces": _traces,
    "aws.state": _state,
}
