"""The few sentences on top of a report: how long it hurt, who noticed when, what was missed, what is still there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gameday.plan import Plan
from gameday.reports.escape import Safe, md
from gameday.reports.model import Sentence
from gameday.reports.words import day, measured, outward

NOTICED = {
    "detected_by_machine_s": "an alarm fired",
    "detected_by_people_s": "people noticed",
    "mitigation_began_s": "mitigation began",
}


def in_short(verdict: dict[str, Any]) -> str:
    """The day in two sentences; a fault without effect is told first, since then the rest proves nothing."""
    silent = [f"Fault {f['step']}: {f['says']}" for f in verdict["faults"] if f["result"] != "effective"]
    return " ".join([*silent, _outage(verdict), _response(verdict)]).strip()


def sentences(verdict: dict[str, Any]) -> Iterator[Sentence]:
    """The same sentences, each with what shows it."""
    for fault in verdict["faults"]:
        if fault["result"] != "effective":
            yield Sentence(text=f"Fault {fault['step']}: {fault['says']}", source=tuple(fault["evidence"]))
    outage = next((t for t in verdict["tolerances"] if t["metric"] == "duration" and t["coverage"]), None)
    yield Sentence(text=_outage(verdict), source=tuple(outage["evidence"]) if outage else ())
    if response := _response(verdict):
        shown = verdict["clocks_evidence"]
        yield Sentence(text=response, source=tuple(dict.fromkeys(e for k in NOTICED for e in shown.get(k, ()))))


def _outage(verdict: dict[str, Any]) -> str:
    found = next((t for t in verdict["tolerances"] if t["metric"] == "duration" and t["coverage"]), None)
    if found is None:
        return "How long customers were without service was not measured."
    if found["m_hi_s"] == 0:
        return "No disruption was seen."
    most = span(measured(found, "m_lo"), measured(found, "m_hi"))
    return f"Customers were without service for {most} ({found['id']})."


def _response(verdict: dict[str, Any]) -> str:
    clocks = verdict["clocks"]
    told = [f"{said} after {outward(*clocks[key])}" for key, said in NOTICED.items() if key in clocks]
    never = [f"that {said} is not recorded" for key, said in NOTICED.items() if clocks and key not in clocks]
    text = "; ".join([*told, *never])
    return f"{text[0].upper()}{text[1:]}." if text else ""


def span(lo: str, hi: str) -> str:
    """``7:20 to 8:00``, or ``at least 7:20`` where nothing bounds it from above."""
    return f"at least {lo}" if hi == "unbounded" else lo if lo == hi else f"{lo} to {hi}"


def taken_back(verdict: dict[str, Any]) -> str:
    """Whether every fault was seen gone, in a line."""
    spell = verdict.get("was_unsafe")
    if spell and spell["until"]:
        words = f"it ended UNSAFE: from {day(spell['from'])} something was not seen gone, until {day(spell['until'])}"
        return Safe(f"every fault was seen gone, but **{md(words)}**")
    left = [f["step"] for f in verdict["faults"] if not f["seen_gone"]]
    if left:
        return Safe(f"**NOT SEEN GONE**: {md(', '.join(left))}")
    return "every fault was seen gone" if verdict["faults"] else "nothing was injected"


def expected(plan: Plan, verdict: dict[str, Any]) -> str:
    """``3 met, 2 missed (...)``: how often each, and what was not met by name."""
    results = [e["result"] for e in verdict["expectations"]]
    titles = {s.id: s.title for s in plan.steps}
    missed = [titles[e["id"]] for e in verdict["expectations"] if e["result"] not in ("met", "done")]
    counts = ", ".join(f"{results.count(r)} {r}" for r in dict.fromkeys(results)) or "nothing was expected"
    return f"{counts} ({'; '.join(missed)})" if missed else counts
