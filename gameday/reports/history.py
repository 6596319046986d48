"""The runs of a workspace, read from their folders: also those that were stopped, and those that are damaged."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from gameday.errors import GamedayError
from gameday.journal.events import Event
from gameday.model.action import RUN_ID
from gameday.model.content import Content
from gameday.model.rules import Tested
from gameday.plan import Plan
from gameday.reports.findings import Finding, findings, guarded
from gameday.reports.finish import judge_folder, read_run
from gameday.runs import all_runs

MET = ("met", "done")
_ID = re.compile(RUN_ID)


@dataclass(frozen=True)
class Run:
    """One run that could be read."""

    folder: Path
    plan: Plan
    events: Sequence[Event]
    verdict: dict[str, Any]
    proved: frozenset[str] = field(default=frozenset())  # guards that had fired in runs of this service before

    @property
    def id(self) -> str:
        """As its journal says; the name of its folder where that is no id that a run of ours can have."""
        said = str(self.verdict["run"])
        return said if _ID.fullmatch(said) else self.folder.name

    @property
    def named(self) -> bool:
        """Whether it has an id by which lessons and actions can speak of it."""
        return _ID.fullmatch(self.id) is not None

    @property
    def on(self) -> date:
        """The day of it, UTC, in wall time."""
        return datetime.fromtimestamp(self.events[0].wall / 1000, tz=UTC).date()

    @property
    def ended(self) -> bool:
        return any(event.type == "run.ended" for event in self.events)

    @property
    def valid(self) -> bool:
        """Whether it can show anything: it ended as planned, and every fault that was injected was seen effective."""
        faults = self.verdict["faults"]
        if self.plan.method == "tabletop":
            return any(e.type == "run.ended" and e.what.get("status") == "completed" for e in self.events)
        whole = self.verdict["outcome"] in ("within", "breached", "inconclusive")
        return whole and bool(faults) and all(fault["result"] == "effective" for fault in faults)

    @cached_property
    def findings(self) -> list[Finding]:
        """What its data proposes."""
        return findings(self.plan, self.events, self.verdict, self.proved)


@dataclass(frozen=True)
class Damaged:
    """One run that could not be read. It is shown, not left out."""

    folder: Path
    says: str


def history(root: Path) -> tuple[list[Run], list[Damaged]]:
    """All runs of the workspace, oldest first, judged anew from their folders."""
    runs: list[Run] = []
    damaged: list[Damaged] = []
    for folder in all_runs(root):
        try:
            runs.append(read(folder, runs))
        except GamedayError as error:
            damaged.append(Damaged(folder, error.problems[0].message))
    return runs, damaged


def read(folder: Path, earlier: Sequence[Run] = ()) -> Run:
    """One run; DamagedRun when it cannot be trusted."""
    found = read_run(folder)
    mine = [run for run in earlier if run.plan.service == found.plan.service]
    proved = frozenset(name for run in mine for name in _proved(run))
    return Run(folder, found.plan, found.events, judge_folder(found), proved)


def _proved(run: Run) -> list[str]:
    fired = [str(e.what.get("guard")) for e in run.events if e.type == "guard.fired"]
    return [guarded(g) for g in run.plan.guards if any(f.startswith(guarded(g)) for f in fired)]


def tested(run: Run, content: Content) -> Tested:
    """What the rules L01 to L20 must know of this run."""
    plan, verdict = run.plan, run.verdict
    scenario = content.scenarios.get(plan.scenario)
    go = next((e for e in run.events if e.type == "go"), None)
    graph = verdict.get("graph") or {}
    return Tested(
        run=run.id,
        on=run.on,
        service=plan.service,
        scenario=plan.scenario,
        method=plan.method,
        environment=plan.environment,
        production=plan.environment_definition.production,
        representative=bool(plan.environment_definition.representative),
        outcome=verdict["outcome"],
        valid=run.valid,
        resources=_shown(run, content) | frozenset(scenario.model.simulates if scenario and run.valid else ()),
        meant=_meant(run, content) | frozenset(scenario.model.simulates if scenario else ()),
        failed={t["id"]: t["verdict"] for t in verdict["tolerances"] if t["verdict"] != "within"},
        findings=frozenset(f.id for f in run.findings),
        met=frozenset(e["id"] for e in verdict["expectations"] if e["result"] in MET),
        within=frozenset(t["id"] for t in verdict["tolerances"] if t["verdict"] == "within"),
        codes=frozenset(c for t in verdict["tolerances"] for c in t["codes"]),
        drift=tuple(f"{a} > {b}" for a, b in graph.get("not_on_map", ())),
        communicated=_communicated(run, content),
        go_by=go.who if go else "",
        approved_by=tuple(go.what.get("approved_by") or ()) if go else (),
    )


def _shown(run: Run, content: Content) -> frozenset[str]:
    """What its effective faults hit, who did what they were asked, and which processes were gone through."""
    effective = {f["step"] for f in run.verdict["faults"] if f["result"] == "effective"}
    met = {e["id"] for e in run.verdict["expectations"] if e["result"] in MET}
    return _of_steps(run, content, effective | met)


def _meant(run: Run, content: Content) -> frozenset[str]:
    return _of_steps(run, content, {step.id for step in run.plan.steps})


def _of_steps(run: Run, content: Content, steps: Collection[str]) -> frozenset[str]:
    mine = [step for step in run.plan.steps if step.id in steps]
    hit = {resource for step in mine if step.fault for resource in step.fault.resources}
    asked = {step.to for step in mine if step.to}
    service = content.services.get(run.plan.service)
    books = {step.runbook for step in mine if step.runbook}
    processes = service.model.resources.processes if service else ()
    return frozenset(hit | asked | {p.id for p in processes if p.runbook and p.runbook in books})


def _communicated(run: Run, content: Content) -> bool:
    """Whether customers, the regulator or others were told: a role that tells them did what it was asked, or somebody
    marked the moment."""
    service = content.services.get(run.plan.service)
    tellers = {p.by for p in service.model.resources.processes if p.tells} if service else set()
    met = {e["id"] for e in run.verdict["expectations"] if e["result"] in MET}
    asked = {step.to for step in run.plan.steps if step.id in met}
    marked = any("communicated" in (e.what.get("marks") or ()) for e in run.events if e.type == "note")
    return marked or bool(tellers & asked)
