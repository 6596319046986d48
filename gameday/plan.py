"""The plan: the whole timeline and every API call, before anything is touched.

A plan holds no run id and no time; its digest is SHA-256 over the exact bytes of scenario, service, runbooks and
observers, the environment's definition and the resolved targets (design: semantics, "Who writes what").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from gameday.errors import DamagedRun, Place, Problem
from gameday.model.load import read_file
from gameday.model.runbook import Runbook
from gameday.model.scenario import Condition, Expectation, Guard, PersonScript, StepKind
from gameday.model.step import Mark, Score
from gameday.model.tolerance import Tolerance
from gameday.model.types import Strict, Tree
from gameday.model.workspace import Environment

ALARM_SOURCE = "cloudwatch.alarm"


class Signal(Strict):
    """One thing that is watched. ``period_ms`` is its bucket; datapoints settle ``settles_ms`` after their end."""

    id: str
    source: str
    means: str = ""
    unit: str = "count"
    query: Tree
    period_ms: int
    settles_ms: int
    account: str | None = None  # one of the environment's accounts by name, None its own
    region: str | None = None  # None the account's first
    implicit: bool = False  # made by gameday for a default witness or a bare alarm name


Home = tuple[str | None, str | None]
"""The name of an account of the environment, None its own; and a Region, None the account's first."""


def by_home(signals: Iterable[Signal]) -> list[tuple[Home, list[Signal]]]:
    """Signals by the account and the Region in which they are read, in the order in which these first come."""
    found: dict[Home, list[Signal]] = {}
    for signal in signals:
        found.setdefault((signal.account, signal.region), []).append(signal)
    return list(found.items())


class PlannedFault(Strict):
    """A fault as it will be started: provider, checked settings and resolved targets (ARNs by target key)."""

    provider: str
    action: str
    settings: Tree  # as written and checked; ``provider.settings.model_validate(settings)`` reads them
    targets: dict[str, tuple[str, ...]]
    resources: tuple[str, ...]
    duration_ms: int | None
    one_shot: bool = False
    effective: Condition | None = None  # ``within`` is always set here
    gone: Condition | None = None
    worst_case_ms: int | None = None  # from a dead conductor to the fault's end; None: nothing but gameday ends it
    dead_man: Literal["alarm", "watchdog"] | None = None  # what ends it when the conductor is dead; None: itself
    ends_itself: bool = False  # its provider ends it after duration_ms, without being told to
    exhibits: tuple[str, ...] = ()  # where the provider will write of it, s3:// or a log group
    actions: tuple[str, ...] = ()  # all of them, where a fault has several
    region: str | None = None  # where it is started, None the environment's first
    accounts: tuple[str, ...] = ()  # ids of the accounts that hold its targets, where that is not the environment's own
    tags: dict[str, dict[str, str]] = {}  # target key -> tags sent in place of the ARNs, which they had at the plan


def where(region: str | None, accounts: Sequence[str], targets: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Region, accounts and targets of a fault as facts of its trace, for undo and for whoever has to do it by hand;
    nothing for one in the environment's own account and first Region."""
    if not region and not accounts:
        return {}
    found = {"region": region or "", "accounts": ",".join(accounts)}
    arns = ",".join(sorted({arn for held in targets.values() for arn in held}))
    return {key: value for key, value in (*found.items(), ("targets", arns)) if value}


class PlannedStep(Strict):
    """One step of the timeline; ``kind`` says which of its facts are set."""

    id: str
    kind: StepKind
    title: str
    at_ms: int | None = None  # offset from the go; a step without ``at``, ``after`` and ``when`` is at 0
    after: tuple[str, ...] = ()
    when: Condition | None = None
    on_timeout: Literal["skip", "fail", "run"] = "skip"
    within_ms: int | None = None
    fault: PlannedFault | None = None
    expect: Expectation | None = None
    to: str | None = None  # the role addressed: inject.to, task.by, expect.role, who of what is taken away
    says: str | None = None
    lasts_ms: int | None = None
    runbook: str | None = None
    told: str | None = None  # how an inject tells it: message, call, conflicting
    channel: str | None = None  # that is down
    restored_by: str | None = None  # the step that gives back an access that has expired
    facilitator: str | None = None  # what only those who run the day see
    evaluator: str | None = None  # who scores it
    scored: bool = False  # whether a score is waited for before a branch is taken
    marks: Mark | None = None  # what it shows to have happened when it is met or done
    on: dict[Score, str] = {}  # score -> the step that then begins
    branch: bool = False  # it begins only when another step leads to it, or somebody fires it


class Call(Strict):
    """One API call the run will make, or may make to undo."""

    step: str | None
    service: str
    operation: str
    why: str
    times: str = "1"


class Cost(Strict):
    """An estimate in US dollars at list prices, of the same day on AWS; ``basis`` says how it was made."""

    action_minutes: int
    action_usd: float
    metric_reads: int
    metric_usd: float
    heartbeat_usd: float = 0.0
    basis: str = ""


class DeadMan(Strict):
    """The alarm that stops every experiment when no heartbeat came for so many periods; ``worst_case_ms`` is from the
    last heartbeat to the end of a fault."""

    period_ms: int
    periods: int
    worst_case_ms: int


class Mapped(Strict):
    """A resource on the map of the service: the names by which a trace may show it, and what it needs."""

    id: str
    names: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


class Plan(Strict):
    """The whole day. Serialised as plan.json."""

    schema_version: Literal[1] = 1
    digest: str
    scenario: str
    service: str
    title: str
    service_title: str
    hypothesis: str
    environment: str
    environment_definition: Environment
    method: Literal["live", "tabletop"]
    baseline_ms: int
    max_duration_ms: int
    steps: tuple[PlannedStep, ...]
    signals: tuple[Signal, ...]
    tolerances: tuple[Tolerance, ...]
    objectives: tuple[Tolerance, ...] = ()  # RTO and RPO of resources: measured alike, no part of the verdict
    guards: tuple[Guard, ...]
    runbooks: tuple[Runbook, ...]
    scripts: dict[str, PersonScript]
    deputies: dict[str, str]
    reaches: dict[str, str] = {}  # role -> the channel by which it is reached
    calls: tuple[Call, ...]
    cost: Cost
    inputs: dict[str, str]  # path in the workspace -> sha256
    debrief: tuple[str, ...] = ()
    service_map: tuple[Mapped, ...] = ()
    dead_man: DeadMan | None = None  # None: no fault that an alarm could end

    def step(self, ident: str) -> PlannedStep:
        """The step of this id; KeyError when there is none."""
        for step in self.steps:
            if step.id == ident:
                return step
        raise KeyError(ident)

    def signal(self, ident: str) -> Signal:
        """The signal of this id; KeyError when there is none."""
        for signal in self.signals:
            if signal.id == ident:
                return signal
        raise KeyError(ident)

    def alarm_signal(self, name: str) -> Signal:
        """The signal that reads the alarm which a guard or an expectation names: by the id of its observer, else by
        the alarm's name in CloudWatch; KeyError when there is none."""
        alarms = [signal for signal in self.signals if signal.source == ALARM_SOURCE]
        for signal in alarms:
            if signal.id == name:
                return signal
        for signal in alarms:
            if signal.query.get("alarm") == name:
                return signal
        raise KeyError(name)

    def runbook(self, ident: str) -> Runbook:
        """The runbook of this id; KeyError when there is none."""
        for runbook in self.runbooks:
            if runbook.id == ident:
                return runbook
        raise KeyError(ident)


def other_accounts(plan: Plan) -> list[str]:
    """The names of the accounts, other than the environment's own, that the day reads or breaks something in."""
    ids = {ident for step in plan.steps if step.fault for ident in step.fault.accounts}
    broken = {name for name, held in plan.environment_definition.accounts.items() if held.account in ids}
    return sorted(broken | {signal.account for signal in plan.signals if signal.account})


def dump_plan(plan: Plan) -> bytes:
    """A plan as the bytes of plan.json: keys sorted, so that equal plans are equal bytes."""
    record = plan.model_dump(mode="json", by_alias=True)
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def load_plan(path: Path) -> Plan:
    """The plan in this file, equal to what was dumped. DamagedRun (PLAN_MALFORMED) when it is none, InvalidFiles
    (FILE_UNREADABLE) when it cannot be read."""
    try:
        return Plan.model_validate_json(read_file(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}"
        write = "nothing by hand; a plan is made by gameday and never edited"
        raise DamagedRun(
            Problem("PLAN_MALFORMED", f"the plan cannot be read ({said})", write, Place(str(path)))
        ) from error
