"""Runs side by side, like for like: what differs in how they were made, and what changed in what they showed.

Two runs are alike when their fingerprints are the same (timeline, targets, tolerances, signals and their resolution,
environment, speed) and they carried the same load. Only intervals that do not overlap are called a change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from gameday.reports.history import Run
from gameday.verdict.facts import gather

LOAD_SHARE = 0.1  # loads that differ by more than this are not the same
Interval = tuple[float, float | None]
WORDS = {
    "timeline": "what was done, and when",
    "targets": "what was broken",
    "tolerances": "how much is tolerable, and how it is measured",
    "resolution": "which signals were read, and how finely",
    "environment": "where it ran, and how fast the clock went",
}


def parts(run: Run) -> dict[str, Any]:
    """All that must be the same for two runs to be alike, but the load; by part."""
    plan = run.plan.model_dump(mode="json", by_alias=True)
    steps = [{**step, "fault": _without(step["fault"], "targets", "tags")} for step in plan["steps"]]
    environment = plan["environment_definition"]
    return {
        "timeline": [run.plan.scenario, run.plan.method, run.plan.baseline_ms, steps, plan["scripts"]],
        "targets": [[s["id"], s["fault"]["targets"]] for s in plan["steps"] if s["fault"]],
        "tolerances": plan["tolerances"],
        "resolution": [[s["id"], s["source"], s["query"], s["period_ms"]] for s in plan["signals"]],
        "environment": [run.plan.environment, environment["account"], environment["regions"], run.verdict["speed"]],
    }


def _without(fault: dict[str, Any] | None, *keys: str) -> dict[str, Any] | None:
    return None if fault is None else {k: v for k, v in fault.items() if k not in keys}


def fingerprint(run: Run) -> str:
    """The same for runs that are alike, their load apart."""
    return _digest(parts(run))[:16]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def load(run: Run) -> dict[str, float]:
    """Attempts a minute before the first fault, by the signal that counts them; what was not read is not there."""
    facts, found = gather(run.events), {}
    until = facts.requested_ms or facts.last_ms or 0
    for name in dict.fromkeys(t.pair[0] for t in run.plan.tolerances if t.measure.attempts and t.pair[0]):
        values = [v for at, v in facts.series.get(str(name), {}).items() if at < until and v is not None]
        if values:
            found[str(name)] = round(fmean(values) * 60_000 / run.plan.signal(str(name)).period_ms, 1)
    return found


def differs(first: Run, other: Run) -> list[str]:
    """What makes these two runs unlike, in words; nothing when they are alike."""
    mine, theirs = parts(first), parts(other)
    found = [f"{name}: {words}" for name, words in WORDS.items() if _digest(mine[name]) != _digest(theirs[name])]
    found += [f"validity: {r.id} is no valid test ({r.verdict['outcome']})" for r in (first, other) if not r.valid]
    before, after = load(first), load(other)
    for name in sorted(before.keys() | after.keys()):
        a, b = before.get(name), after.get(name)
        if a is None or b is None or abs(a - b) > LOAD_SHARE * max(a, b):
            found.append(f"load: {name} {_rate(a)} against {_rate(b)} before the fault")
    return found


def _rate(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g} a minute"


def change(before: Interval | None, after: Interval | None) -> str:
    """``smaller``, ``greater``, ``no change shown``, or ``unknown`` where one of them was not measured."""
    if before is None or after is None:
        return "unknown"
    if before[1] is not None and after[0] > before[1]:
        return "greater"
    return "smaller" if after[1] is not None and after[1] < before[0] else "no change shown"


def compare(runs: Sequence[Run]) -> dict[str, Any]:
    """The first run against each other one, as JSON; a change is only told of runs that are alike."""
    first, *others = runs
    unlike = {run.id: differs(first, run) for run in others}
    rows = [_row(name, kind, runs, unlike) for kind, name in _measures(runs)]
    return {
        "base": first.id,
        "runs": [_head(run, unlike.get(run.id, [])) for run in runs],
        "measures": rows,
        "expectations": [_results(ident, runs) for ident in _expectations(runs)],
    }


def _head(run: Run, unlike: list[str]) -> dict[str, Any]:
    return {
        "run": run.id, "on": run.on.isoformat(), "scenario": run.plan.scenario, "environment": run.plan.environment,
        "outcome": run.verdict["outcome"], "valid": run.valid, "fingerprint": fingerprint(run), "load": load(run),
        "alike": not unlike, "differs": unlike,
    }  # fmt: skip


def _measures(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    for kind, key in (("tolerance", "tolerances"), ("objective", "objectives")):
        yield from ((kind, name) for name in dict.fromkeys(t["id"] for r in runs for t in r.verdict[key]))
    yield from (("clock", name) for name in dict.fromkeys(name for r in runs for name in r.verdict["clocks"]))


def interval(run: Run, kind: str, name: str) -> Interval | None:
    """What this run measured, in the unit of its own; None where it did not."""
    if kind == "clock":
        found = run.verdict["clocks"].get(name)
        return None if found is None else (found[0], found[1])
    judged = _judged(run, kind, name)
    if judged is None or not judged["coverage"]:
        return None
    unit = "_s" if "m_lo_s" in judged else ""
    return judged[f"m_lo{unit}"], judged[f"m_hi{unit}"]


def _judged(run: Run, kind: str, name: str) -> dict[str, Any] | None:
    return next((t for t in run.verdict[f"{kind}s"] if t["id"] == name), None)


def _row(name: str, kind: str, runs: Sequence[Run], unlike: dict[str, list[str]]) -> dict[str, Any]:
    first = interval(runs[0], kind, name)
    cells = []
    for run in runs:
        mine = interval(run, kind, name)
        judged = _judged(run, kind, name) if kind != "clock" else None
        said = "" if run is runs[0] else "not comparable" if unlike[run.id] else change(first, mine)
        cells.append({
            "run": run.id, "interval": None if mine is None else list(mine),
            "verdict": judged["verdict"] if judged else None, "change": said or None,
        })  # fmt: skip
    return {"kind": kind, "id": name, "runs": cells}


def _expectations(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(e["id"] for run in runs for e in run.verdict["expectations"]))


def _results(ident: str, runs: Sequence[Run]) -> dict[str, Any]:
    told = [next((e["result"] for e in run.verdict["expectations"] if e["id"] == ident), None) for run in runs]
    return {"id": ident, "results": [{"run": r.id, "result": said} for r, said in zip(runs, told, strict=True)]}


def trend(runs: Sequence[Run], like: Run) -> list[dict[str, Any]]:
    """Each tolerance over all runs that are alike to one, oldest first: its interval, its limit, its verdict."""
    same = [run for run in runs if run.id == like.id or not differs(like, run)]
    names = [t.id for t in like.plan.tolerances]
    return [{"id": name, "points": [_point(run, name) for run in same]} for name in names]


def _point(run: Run, name: str) -> dict[str, Any]:
    judged = _judged(run, "tolerance", name) or {}
    found = interval(run, "tolerance", name)
    limit = judged.get("limit_s", judged.get("limit"))
    return {"run": run.id, "on": run.on.isoformat(), "interval": None if found is None else list(found),
            "limit": limit, "verdict": judged.get("verdict"), "valid": run.valid}  # fmt: skip


def bar(found: Sequence[float | None] | None, limit: float | None, width: int = 24) -> str:
    """An interval against its limit, drawn: proven ``#``, possible ``+``, the limit ``|``; ``>`` where it goes on."""
    if found is None or limit is None or found[0] is None:
        return "not measured"
    if limit == 0:
        return "none, and none is tolerable" if found[1] == 0 else "more than the none that is tolerable"
    scale, at = width / (1.5 * limit), round(width / 1.5)
    low, high = round(found[0] * scale), width + 1 if found[1] is None else round(found[1] * scale)
    cells = ["#" if i < low else "+" if i < high else "." for i in range(width)]
    cells[at] = "|"
    return "".join(cells) + (">" if high > width else "")
