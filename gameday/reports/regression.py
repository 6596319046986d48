"""What changed since the last like run, in words: the same scenario in the same environment, with a fault that took
effect.

A measure is an interval. Only where two intervals do not meet has it changed for certain; else nobody can say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gameday.runs import all_runs

_WORSE = {"within": 0, "inconclusive": 1, "breached": 2}
_NOTHING_SAID = {"not tested"}
Verdict = Mapping[str, Any]


def since_last(run_dir: Path) -> list[str]:
    """Sentences; empty when there is no like run, or this one tested nothing."""
    now = _read(run_dir)
    before = last_like(run_dir, now) if now and now["outcome"] not in _NOTHING_SAID else None
    return [] if now is None or before is None else list(compared(before, now))


def last_like(run_dir: Path, now: Verdict) -> Verdict | None:
    """The newest run before this one that tested the same."""
    runs = [run for run in all_runs(run_dir.parents[2]) if run.name != run_dir.name]
    found = [verdict for run in runs if (verdict := _read(run)) and _like(verdict, now)]
    earlier = [verdict for verdict in found if (verdict["t_go"] or "") < (now["t_go"] or "")]
    return max(earlier, key=lambda verdict: str(verdict["t_go"]), default=None)


def _like(one: Verdict, other: Verdict) -> bool:
    same = all(one[key] == other[key] for key in ("scenario", "environment"))
    return same and one["outcome"] not in _NOTHING_SAID


def _read(run: Path) -> Verdict | None:
    with suppress(OSError, ValueError, KeyError):
        verdict, plan = (json.loads((run / f"{name}.json").read_text("utf-8")) for name in ("verdict", "plan"))
        return {**verdict, "scenario": plan["scenario"]}
    return None


def compared(before: Verdict, now: Verdict) -> Iterator[str]:
    """One sentence for each tolerance, after one that names the run it is held against."""
    plan = "the same plan" if before["plan_digest"] == now["plan_digest"] else "another plan: files or targets changed"
    yield f"Since {before['run']} ({plan}):"
    held = {tolerance["id"]: tolerance for tolerance in before["tolerances"]}
    for tolerance in now["tolerances"]:
        old = held.pop(tolerance["id"], None)
        if old is None:
            yield f"  {tolerance['id']}: new, {tolerance['verdict']}"
        else:
            yield f"  {tolerance['id']}: {_verdicts(old, tolerance)}; {_measures(old, tolerance)}"
    yield from (f"  {ident}: no longer tested, it was {old['verdict']}" for ident, old in held.items())


def _verdicts(old: Verdict, new: Verdict) -> str:
    was, now = old["verdict"], new["verdict"]
    if was == now:
        return f"{now} as before"
    by = _WORSE.get(now, 1) - _WORSE.get(was, 1)
    return f"{'WORSE' if by > 0 else 'better' if by < 0 else 'changed'}, {now} and was {was}"


def _measures(old: Verdict, new: Verdict) -> str:
    """By the share of the limit, which both have whatever their unit is."""
    was, now = old.get("used"), new.get("used")
    if not was or not now or None in (*was, *now):
        return "how much of its limit it used is not known of both"
    if old.get("limit_s") != new.get("limit_s"):
        return "its limit changed, so shares cannot be held against each other"
    said = f"it used {_share(now)} of its limit and {_share(was)} before"
    if now[0] > was[1]:
        return f"{said}: more for certain"
    return f"{said}: less for certain" if now[1] < was[0] else f"{said}: no change can be told"


def _share(used: list[float]) -> str:
    low, high = (f"{share:.0%}" for share in used)
    return low if low == high else f"{low} to {high}"
