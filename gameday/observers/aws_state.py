"""The state of AWS resources, source ``aws.state``: 1 = in service, 0 = not, unknown where AWS does not say.

As few reads for each type as its service allows (Lambda and DynamoDB tell of one resource a call). ``id`` may name
several resources joined by commas: then 1 = all are in service, 0 = one is not, else unknown. A resource that AWS does
not know is not in service; a read that fails raises, which is a gap, never a zero.

A state has no history, it is what it is now: the one sample of a window is that of its last whole bucket, and its
``start_ms`` is the window's end minus the period, rounded down to the period.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gameday.aws import Aws, CallFailed, told
from gameday.model.queries import StateQuery
from gameday.plan import Home, Signal, by_home
from gameday.protocols import Sample, Window

States = dict[str, float | None]
TASKS_A_CALL, SERVICES_A_CALL = 100, 10
INSTANCES_A_CALL = 200
DATABASES_A_CALL = 100
_RDS_UP = frozenset({
    "available", "backing-up", "configuring-enhanced-monitoring", "configuring-iam-database-auth",
    "configuring-log-exports", "storage-optimization",
})  # fmt: skip
_RDS_DOWN = frozenset({
    "creating", "deleting", "failed", "failing-over", "inaccessible-encryption-credentials", "rebooting",
    "restore-error", "starting", "stopped", "stopping", "storage-full", "upgrading",
})  # fmt: skip


class UnknownType(RuntimeError):
    """There is no way to read the state of this type."""


class AwsStateObserver:
    """The observer of ``aws.state``."""

    name = "aws-state"
    sources = frozenset({"aws.state"})

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """One sample for each signal. Raises CallFailed when a state cannot be read, UnknownType for a type that is
        not in ``READERS``."""
        return {ident: [one] for home, there in by_home(signals) for ident, one in self._at(home, there, window)}

    def _at(self, home: Home, signals: Sequence[Signal], window: Window) -> Iterator[tuple[str, Sample]]:
        """Those of one account and Region."""
        aws = self._aws.at(*home)
        queries = {signal.id: StateQuery.model_validate(signal.query) for signal in signals}
        wanted: dict[str, set[str]] = {}
        for query in queries.values():
            wanted.setdefault(query.type, set()).update(ids(query))
        states = {kind: _read(aws, kind, sorted(found)) for kind, found in wanted.items()}
        for signal in signals:
            yield signal.id, _sample(signal, queries[signal.id], states, window)


def ids(query: StateQuery) -> list[str]:
    """The resources that a query names."""
    return [part for part in re.split(r"[,\s]+", query.id) if part]


def together(values: Sequence[float | None]) -> float | None:
    """1 when all are in service, 0 when one is not, None when that cannot be said."""
    if 0.0 in values:
        return 0.0
    return 1.0 if values and None not in values else None


def _sample(signal: Signal, query: StateQuery, states: Mapping[str, States], window: Window) -> Sample:
    start = (window.end_ms - signal.period_ms) // signal.period_ms * signal.period_ms
    return Sample(start, together([states[query.type].get(ident, 0.0) for ident in ids(query)]))


def _read(aws: Aws, kind: str, wanted: list[str]) -> States:
    if kind not in READERS:
        raise UnknownType(f"the state of {kind} cannot be read; those that can: {', '.join(sorted(READERS))}")
    return READERS[kind](aws, wanted)


def _parts(wanted: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(wanted), size):
        yield list(wanted[start : start + size])


def _instances(aws: Aws, wanted: list[str]) -> States:
    """By filter, not by id: an id that is gone would make the whole call fail."""
    found: States = {}
    for part in _parts(wanted, INSTANCES_A_CALL):
        with told("ec2 DescribeInstances"):
            pages = aws.client("ec2").get_paginator("describe_instances")
            for page in pages.paginate(Filters=[{"Name": "instance-id", "Values": part}]):
                for reservation in page["Reservations"]:
                    for instance in reservation["Instances"]:
                        found[instance["InstanceId"]] = float(instance["State"]["Name"] == "running")
    return found


def _one_by_one(call: str, ask: Callable[[Aws, str], float | None]) -> Callable[[Aws, list[str]], States]:
    """A reader for a service that tells of one resource a call."""

    def read(aws: Aws, wanted: list[str]) -> States:
        found: States = {}
        for ident in wanted:
            try:
                with told(call):
                    found[ident] = ask(aws, ident)
            except CallFailed as error:
                if not error.missing:
                    raise
                found[ident] = 0.0
        return found

    return read


def _function(aws: Aws, name: str) -> float | None:
    """Active, or Inactive: idle functions are made active by the next call (AWS Lambda guide, "function states")."""
    state = aws.client("lambda").get_function_configuration(FunctionName=name).get("State")
    return None if state is None else float(state in ("Active", "Inactive"))


def _table(aws: Aws, name: str) -> float | None:
    """A table that is UPDATING serves."""
    status = aws.client("dynamodb").describe_table(TableName=name)["Table"]["TableStatus"]
    return float(status in ("ACTIVE", "UPDATING"))


def _databases(aws: Aws, wanted: list[str]) -> States:
    found: States = {}
    for part in _parts(wanted, DATABASES_A_CALL):
        with told("rds DescribeDBInstances"):
            pages = aws.client("rds").get_paginator("describe_db_instances")
            for page in pages.paginate(Filters=[{"Name": "db-instance-id", "Values": part}]):
                found |= {d["DBInstanceIdentifier"]: _rds(d["DBInstanceStatus"]) for d in page["DBInstances"]}
    return found


def _clusters(aws: Aws, wanted: list[str]) -> States:
    found: States = {}
    for part in _parts(wanted, DATABASES_A_CALL):
        with told("rds DescribeDBClusters"):
            pages = aws.client("rds").get_paginator("describe_db_clusters")
            for page in pages.paginate(Filters=[{"Name": "db-cluster-id", "Values": part}]):
                found |= {d["DBClusterIdentifier"]: _rds(d["Status"]) for d in page["DBClusters"]}
    return found


def _rds(status: str) -> float | None:
    """Those states in which the database answers, and those in which it does not (Amazon RDS user guide, "DB instance
    status"); what may be either, such as modifying, is unknown."""
    if status in _RDS_UP:
        return 1.0
    return 0.0 if status in _RDS_DOWN or status.startswith("incompatible-") else None


def _tasks(aws: Aws, wanted: list[str]) -> States:
    """Task ARNs, which hold the cluster's name: ``arn:...:task/<cluster>/<id>``."""
    found: States = {}
    for cluster, arns in _by_cluster(wanted).items():
        for part in _parts(arns, TASKS_A_CALL):
            with told("ecs DescribeTasks"):
                answer = aws.client("ecs").describe_tasks(cluster=cluster, tasks=part)
            found |= _not_told(answer)
            found |= {task["taskArn"]: float(task["lastStatus"] == "RUNNING") for task in answer["tasks"]}
    return found


def _services(aws: Aws, wanted: list[str]) -> States:
    """Service ARNs, ``arn:...:service/<cluster>/<name>``: in service when as many tasks run as are desired."""
    found: States = {}
    for cluster, arns in _by_cluster(wanted).items():
        for part in _parts(arns, SERVICES_A_CALL):
            with told("ecs DescribeServices"):
                answer = aws.client("ecs").describe_services(cluster=cluster, services=part)
            found |= _not_told(answer)
            for service in answer["services"]:
                enough = service["runningCount"] >= service["desiredCount"] > 0
                found[service["serviceArn"]] = float(service["status"] == "ACTIVE" and enough)
    return found


def _not_told(answer: Mapping[str, Any]) -> States:
    """Those that ECS gave a failure for: not there any more is out of service, any other reason is not known."""
    failures = answer.get("failures", [])
    return {one["arn"]: 0.0 if one.get("reason") == "MISSING" else None for one in failures if "arn" in one}


def _by_cluster(arns: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for arn in arns:
        parts = arn.split(":")[-1].split("/")
        found.setdefault(parts[1] if len(parts) == 3 else "default", []).append(arn)
    return found


READERS: dict[str, Callable[[Aws, list[str]], States]] = {
    "aws:ec2:instance": _instances,
    "aws:lambda:function": _one_by_one("lambda GetFunctionConfiguration", _function),
    "aws:dynamodb:table": _one_by_one("dynamodb DescribeTable", _table),
    "aws:rds:db": _databases,
    "aws:rds:cluster": _clusters,
    "aws:ecs:task": _tasks,
    "aws:ecs:service": _services,
}
