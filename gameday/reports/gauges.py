"""Tolerances so far, as intervals against their limit: what is certain, what is possible, and where the limit lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

from gameday.journal.events import Event
from gameday.model.scenario import ToleranceGuard
from gameday.plan import Plan
from gameday.reports.words import clock, measured, used
from gameday.verdict.run import judge_run

STANDING = frozenset(
    {"BASELINE_NOT_CLEAN", "COVERAGE_LOW", "GAP_TOO_LONG", "CLOCK_UNCERTAIN", "CONFOUNDED", "NOT_PREREGISTERED"}
)  # codes that mean something before the run is over; the others are true of every run that goes on


@dataclass(frozen=True)
class Gauge:
    """One tolerance. ``lo`` and ``hi`` are shares of the limit; ``hi`` None is open: the disruption may go on.

    ``so_far`` is the share that may be used by now, which is what a guard looks at; None when nobody says.
    """

    id: str
    authority: str
    lo: float | None
    hi: float | None
    text: str
    word: str
    codes: tuple[str, ...] = ()
    guard: float | None = None
    so_far: float | None = None

    @property
    def possible(self) -> float | None:
        """How far the bar goes: to the upper end, else to what may be used by now."""
        return self.hi if self.hi is not None else self.so_far

    @property
    def line(self) -> str:
        """All of it in words."""
        codes = f"; {', '.join(self.codes)}" if self.codes else ""
        return f"{self.id} ({self.authority}) {self.word}: {self.text}{codes}"


def read_gauges(
    plan: Plan, events: Sequence[Event], so_far: Mapping[str, float | None] | None = None
) -> tuple[Gauge, ...]:
    """The gauges after these events, judged as the verdict is. Before the run has ended nothing is called within.

    ``so_far`` is, by tolerance, the share that may be used by now.
    """
    found = judge_run(plan, events)
    over = any(event.type == "run.ended" for event in events)
    # Whoever saw an effect has read what came after the baseline; before that, its end may only be unread yet.
    broken = any(event.type == "fault.effective" for event in events)
    shares = {} if over or so_far is None else so_far
    return tuple(_gauge(plan, j, over, broken, shares.get(j["id"])) for j in found["tolerances"])


def _gauge(plan: Plan, judged: dict[str, Any], over: bool, broken: bool, so_far: float | None) -> Gauge:
    guards = [g.at for g in plan.guards if isinstance(g, ToleranceGuard) and g.tolerance == judged["id"]]
    lo, hi = judged["used"]
    blank = "METRIC_NOT_MEASURED" in judged["codes"]
    codes = tuple(c for c in judged["codes"] if over or (broken and c in STANDING))
    text = "no data yet" if blank and not over else "not measured" if blank else _text(judged, over, so_far)
    return Gauge(
        judged["id"],
        judged["authority"],
        None if blank else lo,
        None if blank else hi,
        text,
        _word(judged, over),
        codes,
        min(guards, default=None),
        None if blank else so_far,
    )


def _word(judged: dict[str, Any], over: bool) -> str:
    return str(judged["verdict"]) if over or judged["verdict"] == "breached" else "so far"


def _text(judged: dict[str, Any], over: bool, so_far: float | None) -> str:
    lo, hi, limit = _whole(judged, "m_lo", floor), _whole(judged, "m_hi", ceil), measured(judged, "limit")
    if judged["used"][0] is None:
        return f"{lo} to {hi}, limit {limit}"
    share = used(judged).removeprefix("used ")
    if judged["used"][1] is None and so_far is not None and so_far < float("inf"):
        both = used({"used": [judged["used"][0], max(so_far, judged["used"][0])]}).removeprefix("used ")
        return f"{lo} of {limit} ({both}), still open"
    if judged["used"][1] is None:
        end = "upper end unknown" if over else "still open"
        return f"at least {lo} of {limit} ({share.removeprefix('at least ')}), {end}"
    return f"{lo} to {hi} of {limit} ({share})"


def _whole(judged: dict[str, Any], key: str, outward: Callable[[float], int]) -> str:
    """Whole seconds, rounded so that the interval never looks narrower than it is."""
    seconds = judged.get(f"{key}_s")
    return measured(judged, key) if seconds is None else clock(outward(seconds))
