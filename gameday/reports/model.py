"""The report as data, which ``gameday report --format json`` writes: every number says where it comes from.

A source is ``event:N`` (line N of journal.jsonl), ``signal:NAME@TIME`` (the row of signals/NAME.csv that starts then),
``plan:/POINTER`` (RFC 6901, into plan.json, whose SHA-256 the journal registered) or ``journal:1-N`` (all of its lines:
what was counted over the whole run, or is shown by nothing being there). Unknown is null.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gameday.model.types import Strict

FORMAT: Literal["gameday-report/1"] = "gameday-report/1"
Unit = Literal[
    "s", "count", "share", "points", "number", "minor", "sha256"
]  # share: 1 is all of it; points: hundredths of a share; number: no unit; minor: of a currency, ISO 4217
Sources = tuple[str, ...]


class Figure(Strict):
    """A number, its unit, and the events, signals or lines of the plan that it comes from."""

    value: int | float
    unit: str
    source: Sources = Field(serialization_alias="from", min_length=1)


class Sentence(Strict):
    """Words, and what shows them where they are not a property of the plan."""

    text: str
    source: Sources = Field(default=(), serialization_alias="from")


class Interval(Strict):
    """What is proven and what cannot be excluded; ``hi`` null where nothing bounds it from above."""

    lo: Figure | None
    hi: Figure | None


class ToleranceTold(Strict):
    """One tolerance or objective as it was judged (D1-D22)."""

    id: str
    authority: str
    metric: str
    verdict: str
    tested: bool
    comparator: str
    currency: str | None
    limit: Figure | None
    measured: Interval
    used: Interval
    margin: Figure | None
    coverage: Figure
    resolution: Figure
    codes: tuple[str, ...]
    reasons: tuple[str, ...]
    cheapest_change: str | None
    rationale: str | None
    approved: str | None
    source: Sources = Field(serialization_alias="from")


class FaultTold(Strict):
    """A fault from its request to the moment it was seen gone."""

    step: str
    title: str
    action: str
    resources: tuple[str, ...]
    targets: tuple[str, ...]
    planned: Figure | None
    result: str
    says: str
    requested: str | None
    effective: str | None
    gone: str | None
    gone_witness: str | None
    seen_gone: bool
    source: Sources = Field(serialization_alias="from")


class ClockTold(Strict):
    """How long after the fault took effect something happened."""

    key: str
    name: str
    after: Interval


class ExpectationTold(Strict):
    """What was expected of people, alarms and runbooks, and what came."""

    step: str
    title: str
    result: str
    after: Figure | None
    within: Figure | None
    why: str | None
    source: Sources = Field(serialization_alias="from")


class AlarmTold(Strict):
    """``fired``, ``silent`` (expected, and it did not) or ``unexpected``."""

    alarm: str
    result: str
    source: Sources = Field(serialization_alias="from")


class RunbookStepTold(Strict):
    """One line of a runbook, and when somebody ticked it."""

    step: str
    runbook: str
    number: Figure
    says: str
    done: Figure | None
    by: str | None
    source: Sources = Field(serialization_alias="from")


class StepTold(Strict):
    """As planned, as run."""

    step: str
    title: str
    planned: str
    started: Figure | None
    ended: Figure | None
    result: str
    differs: str
    source: Sources = Field(serialization_alias="from")


class MomentTold(Strict):
    """A row of the merged timeline, UTC and seconds from the go."""

    at: str
    offset: Figure | None
    kind: str
    who: str
    says: str
    source: Sources = Field(serialization_alias="from")


class EdgeTold(Strict):
    """Calls from one part of the service to another, as X-Ray sampled them."""

    caller: str
    called: str
    faults_before: Figure | None
    calls_before: Figure | None
    faults_during: Figure | None
    calls_during: Figure | None
    rise: Figure | None


class PartTold(Strict):
    """A resource of the service map; ``struck`` when a fault of this run named it."""

    id: str
    needs: tuple[str, ...]
    struck: bool


class WindowTold(Strict):
    """How good the data was that a tolerance was judged on."""

    tolerance: str
    begins: str
    ends: str
    buckets: Figure
    baseline_buckets: Figure
    missing: Figure
    disturbed: Figure
    longest_gap: Figure
    resolution: Figure


class SignalTold(Strict):
    """A signal, what reads it, and how late it is."""

    id: str
    reader: str
    unit: str
    period: Figure
    settles: Figure
    points: Figure


class Provenance(Strict):
    """What binds this report to its run."""

    plan_digest: str
    plan_sha256: str
    plan_bound: bool
    journal_events: Figure
    journal_head_sha256: str
    journal_torn_bytes: Figure
    run_by_version: str | None
    judged_by_version: str
    inputs: dict[str, str]


class Report(Strict):
    """Everything a report says, from the run's folder alone."""

    format: Literal["gameday-report/1"] = FORMAT
    run: str
    title: str
    service: str
    service_title: str
    scenario: str
    hypothesis: str
    method: str
    environment: str
    representative: str | None
    outcome: str
    outcome_words: str
    began: str | None
    lasted: Figure | None
    speed: Figure | None
    summary: tuple[Sentence, ...]
    authorised: tuple[Sentence, ...]
    tolerances: tuple[ToleranceTold, ...]
    objectives: tuple[ToleranceTold, ...]
    authorities: dict[str, str]
    faults: tuple[FaultTold, ...]
    clocks: tuple[ClockTold, ...]
    alarms: tuple[AlarmTold, ...]
    expectations: tuple[ExpectationTold, ...]
    runbook_steps: tuple[RunbookStepTold, ...]
    steps: tuple[StepTold, ...]
    deviations: tuple[Sentence, ...]
    service_map: tuple[PartTold, ...]
    edges: tuple[EdgeTold, ...]
    where_it_broke: Sentence | None
    signals: tuple[SignalTold, ...]
    windows: tuple[WindowTold, ...]
    lag: Figure
    failed_reads: Figure
    clock_steps: Figure
    disturbed_spans: Figure
    not_shown: tuple[str, ...]
    moments: tuple[MomentTold, ...]
    timeline: tuple[MomentTold, ...]
    debrief: tuple[str, ...]
    provenance: Provenance


def schema() -> dict[str, Any]:
    """The JSON Schema of what ``gameday report --format json`` writes."""
    made = Report.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
