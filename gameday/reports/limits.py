"""What a run does not show: worked out from its data, so that nobody reads more into it than there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gameday.model.measure import LEDGER_METRICS
from gameday.model.workspace import REHEARSAL
from gameday.plan import Plan
from gameday.reports.words import day
from gameday.verdict.repeats import supports


def limits(plan: Plan, verdict: dict[str, Any]) -> list[str]:
    """One sentence each."""
    return [*_of_the_kind(plan, verdict), *_of_the_conductor(verdict), *_of_the_faults(verdict), *_of_the_data(verdict)]


def _of_the_kind(plan: Plan, verdict: dict[str, Any]) -> Iterator[str]:
    odds = f"supports a success probability of at least {supports(1):.2f} at 95 %, no more"
    yield f"One run is one piece of evidence: 1 of 1 {odds}."
    yield "It shows this scenario at this severity, not the ability to stay within tolerance in any disruption."
    if verdict["environment"] == REHEARSAL:
        yield "It was a rehearsal against an embedded stand-in for AWS; nothing here was observed on AWS."
    elif not plan.environment_definition.production:
        yield "The environment is not production; a breach here is a gap in capability, to be remedied."
    if verdict["environment"] == REHEARSAL and plan.scripts:
        yield f"These people were scripted unless somebody held the role: {', '.join(sorted(plan.scripts))}."
    if verdict["speed"] != 1:
        yield f"It ran at {verdict['speed']:g} times real speed; above speed 5 latency is not judged."
    yield "When an incident was declared and the first message went out is not recorded by this version."


def _of_the_conductor(verdict: dict[str, Any]) -> Iterator[str]:
    for spell in verdict.get("not_conducted", ()):
        when = f"From {day(spell['from'])} to {day(spell['until'])} nobody conducted"
        yield f"{when}: what sources kept was read afterwards; what people did and how alarms changed then is unknown."


def _of_the_faults(verdict: dict[str, Any]) -> Iterator[str]:
    for fault in verdict["faults"]:
        if fault["result"] != "effective":
            yield f"Nothing about the failure that fault {fault['step']} should have caused: {fault['says']}"


def _of_the_data(verdict: dict[str, Any]) -> Iterator[str]:
    for judged in verdict["tolerances"]:
        if "METRIC_NOT_MEASURED" in judged["codes"]:
            yield f"{judged['id']}: nothing was measured; {judged['metric']} needs evidence from elsewhere."
        elif judged["metric"] == "duration" and judged.get("m_hi_s") == 0:
            yield f"{judged['id']}: disruptions shorter than {judged['resolution_s']:g} s may be unseen."
        elif judged["metric"] == "customers":
            yield f"{judged['id']}: customers who never tried are not counted."
        elif judged["metric"] in LEDGER_METRICS:
            yield f"{judged['id']}: canaries are a sample of the writes; no other record was looked at."
        elif judged["metric"] in ("failed_transactions", "value"):
            yield f"{judged['id']}: suppressed demand was estimated from this run's own baseline, not from peak demand."
