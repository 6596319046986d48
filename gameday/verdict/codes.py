"""Verdicts, validity codes and how they combine (D12-D14; design: semantics, "Codes")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Verdict = Literal["within", "breached", "inconclusive"]

CODES = {
    "FAULT_NOT_EFFECTIVE": "the witness was read and saw no effect in time",
    "FAULT_NOT_WITNESSED": "there was no witness, or it could not be read",
    "BASELINE_NOT_CLEAN": "part of the baseline was disrupted or unknown, or it was shorter than D2 asks",
    "RECOVERY_NOT_CONFIRMED": "the series ends before the service was seen steady for the hold time",
    "RECOVERY_NOT_DEMONSTRATED": "the service came back only because the tool took its fault away",
    "ABORTED": "the run was stopped before its timeline ended",
    "COVERAGE_LOW": "too many datapoints are missing",
    "GAP_TOO_LONG": "one gap in the data is too long",
    "CLOCK_UNCERTAIN": "a clock stepped, or its error is too large for this limit",
    "BACKLOG_NOT_OBSERVED": "the tolerance ends when the backlog is cleared, and no backlog was read to its end",
    "METRIC_NOT_MEASURED": "the tolerance's metric was not measured",
    "CONFOUNDED": "another incident, deployment or run touched the service",
    "NOT_PREREGISTERED": "a tolerance or the plan changed after the first effect",
}
_SEVERITY: tuple[Verdict, ...] = ("within", "inconclusive", "breached")


def ordered(codes: Iterable[str]) -> tuple[str, ...]:
    """Codes once each, in the order of the table; KeyError for an unknown one."""
    return tuple(sorted(set(codes), key=list(CODES).index))


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """D14: breached > inconclusive > within; nothing judged is inconclusive."""
    return max(verdicts, key=_SEVERITY.index, default="inconclusive")


def decide(lo: float, hi: float | None, limit: float, comparator: str, codes: Iterable[str]) -> Verdict:
    """D12. ``hi`` None is unbounded. No code ever turns a breach into anything milder."""
    if not _inside(lo, limit, comparator):
        return "breached"
    if hi is not None and _inside(hi, limit, comparator) and not tuple(codes):
        return "within"
    return "inconclusive"


def _inside(measure: float, limit: float, comparator: str) -> bool:
    return measure <= limit if comparator == "<=" else measure < limit
