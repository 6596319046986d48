"""Figures in words, the same in every format."""

from __future__ import annotations

from gameday.reports.document import Tone
from gameday.reports.model import Figure, Interval, MomentTold, ToleranceTold
from gameday.reports.summary import span
from gameday.reports.words import METRICS, lateness, measured, offset, outward, used

TONES: dict[str, Tone] = {
    "within": "good", "met": "good", "done": "good", "effective": "good", "fired": "good",
    "breached": "bad", "missed": "bad", "failed": "bad", "unsafe": "bad", "silent": "bad",
}  # fmt: skip


def tone(word: str) -> Tone:
    """How a result should strike the reader: what nobody knows is a warning, never good."""
    return TONES.get(word, "warn")


def amount(figure: Figure | None, tolerance: ToleranceTold) -> str:
    """A figure of this tolerance, in the words of its metric."""
    if figure is None:
        return "unbounded"
    if figure.unit == "s":
        return (lateness if tolerance.metric == METRICS["deadline"] else measured)({"n_s": figure.value}, "n")
    money = {"currency": tolerance.currency} if figure.unit == "minor" else {}
    return measured({"n": figure.value, **money}, "n")


def measured_words(tolerance: ToleranceTold) -> str:
    """``7:20 to 8:00``"""
    if tolerance.measured.lo is None:
        return "not measured"
    return span(amount(tolerance.measured.lo, tolerance), amount(tolerance.measured.hi, tolerance))


def limit_words(tolerance: ToleranceTold) -> str:
    """``at most 30:00``"""
    return f"{'at most' if tolerance.comparator == '<=' else 'less than'} {amount(tolerance.limit, tolerance)}"


def used_words(tolerance: ToleranceTold) -> str:
    """``used 41-47 %``"""
    lo, hi = tolerance.used.lo, tolerance.used.hi
    if tolerance.measured.lo is None:
        return "unknown"
    return used({"used": [lo and lo.value, hi and hi.value]} if lo else {"used": [None, None]})


def authority_words(name: str) -> str:
    """``FCA``; the firm's own is ``internal``."""
    return name if name == "internal" else name.upper()


def after_words(interval: Interval) -> str:
    """``2:26 to 2:46``, rounded outwards."""
    if interval.lo is None or interval.hi is None:
        return "unknown"
    return outward(interval.lo.value, interval.hi.value)


def offset_words(figure: Figure | None) -> str:
    """``+04:05`` after the go."""
    return "" if figure is None else offset(round(figure.value * 1000), 0)


def clock_of(moment: MomentTold) -> str:
    """The offset, else the time of day."""
    return offset_words(moment.offset) or moment.at[11:19]
