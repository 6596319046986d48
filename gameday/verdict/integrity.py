"""Data lost (D19): a canary ledger of acknowledged writes, held against what is there after recovery.

A write that was acknowledged and is not known to be there, or to be intact, is lost for the upper bound and there for
the lower one. A number that the ledger skips was perhaps acknowledged: nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from gameday.clock import Ms, iso
from gameday.verdict.bounds import Interval

LEAST_COVERAGE = 0.95


@dataclass(frozen=True)
class Write:
    """One canary. ``acked_ms`` None: it was never acknowledged, so that nothing is owed. ``present`` and ``intact``
    None: nobody knows. ``copies`` is how often it is there."""

    sequence: int
    acked_ms: Ms | None
    present: bool | None
    intact: bool | None
    copies: int = 1

    @property
    def good(self) -> bool | None:
        """Whether it is there and intact; None when that is not known."""
        if self.present is False or (self.present and self.intact is False):
            return False
        return True if self.present and self.intact else None


@dataclass(frozen=True)
class Reconciled:
    """A ledger held against the store. Counts are ``(certain, possible)``; ``rpo`` is milliseconds, ``hi`` None when
    nothing bounds it."""

    acked: int
    unknown: int
    writes: int  # acknowledged, or perhaps: with the numbers that the ledger skips
    lost: tuple[int, int]
    corrupt: tuple[int, int]
    duplicates: int
    rpo: tuple[Ms, Ms | None]
    recovery_point_ms: Ms | None
    lost_at_ms: Ms | None

    @property
    def coverage(self) -> float:
        """The share of writes of which it is known what became of them."""
        return 1 - self.unknown / self.writes if self.writes else 0.0


def loss_rate_at_most(sampled: int) -> float | None:
    """The 95 % upper loss rate when none of ``sampled`` records is lost: never "no data loss"; None for no records."""
    return None if sampled <= 0 else float(1 - 0.05 ** (1 / sampled))


def reconcile(writes: Iterable[Write], interval_ms: Ms | None = None) -> Reconciled:
    """What was lost. A write that is in the ledger and was never acknowledged is not owed. ``interval_ms`` is how far
    apart canaries are; without it, the largest step between two that follow one another."""
    told = sorted(writes, key=lambda w: w.sequence)
    owed = [w for w in told if w.acked_ms is not None]
    refused = {w.sequence for w in told if w.acked_ms is None}
    step = interval_ms if interval_ms is not None else _step(owed)
    whole = _filled(owed, refused)
    sure = [w for w in whole if w.good is False]
    may = [w for w in whole if w.good is not True]
    gone = sum(1 for w in sure if w.present is False), sum(1 for w in whole if not w.present)
    broken = len(sure) - gone[0], sum(1 for w in whole if w.present and w.intact is not True)
    point, at = _bounds(whole, sure)
    return Reconciled(
        acked=len(owed),
        unknown=len(may) - len(sure),
        writes=len(whole),
        lost=gone,
        corrupt=broken,
        duplicates=sum(max(0, w.copies - 1) for w in owed),
        rpo=(_window(whole, sure), _most(whole, may, step)),
        recovery_point_ms=point,
        lost_at_ms=at,
    )


def _step(owed: Sequence[Write]) -> Ms | None:
    steps = [_at(b) - _at(a) for a, b in pairwise(owed) if b.sequence == a.sequence + 1]
    return max(steps, default=None)


def _at(write: Write) -> Ms:
    assert write.acked_ms is not None  # only what was acknowledged is owed
    return write.acked_ms


def _filled(owed: Sequence[Write], refused: Set[int]) -> list[Write]:
    """With the skipped numbers, of which nothing is known; a skipped one may have been acknowledged up to the next."""
    found = list(owed[:1])
    for before, after in pairwise(owed):
        missing = (n for n in range(before.sequence + 1, after.sequence) if n not in refused)
        found += [Write(number, _at(after), None, None) for number in missing]
        found.append(after)
    return found


def _bounds(whole: Sequence[Write], bad: Sequence[Write]) -> tuple[Ms | None, Ms | None]:
    """The recovery point, and when the last of these was acknowledged."""
    if not bad:
        return (_at(whole[-1]) if whole else None), None
    first = whole.index(bad[0])
    point = _at(whole[max(0, first - 1)])  # before the very first nobody looked: the least that is lost begins with it
    return point, max(_at(w) for w in bad)


def _window(whole: Sequence[Write], bad: Sequence[Write]) -> Ms:
    point, at = _bounds(whole, bad)
    return max(0, at - point) if bad and at is not None and point is not None else 0


def _most(whole: Sequence[Write], may: Sequence[Write], step: Ms | None) -> Ms | None:
    """Nothing bounds it when no canary says how far apart they are, or the very first was lost."""
    if step is None or not whole or (may and whole[0] is may[0]):
        return None
    return _window(whole, may) + step


def reconciled(what: Mapping[str, Any]) -> Reconciled:
    """The same, from what an event ``ledger.reconciled`` holds; where some writes could not be read back, nothing
    bounds what was lost but their number."""
    acked, unread, broken = what["acked"], what.get("unread", 0), what["corrupt"]
    lost = acked - what["present"] - unread
    point, at, step = what.get("last_intact_ms"), what.get("last_missing_ms"), what.get("interval_ms")
    first = what.get("first_missing_ms")
    begun = first if point is None else point
    lo = max(0, at - begun) if at is not None and begun is not None else 0
    bounded = not unread and acked and (at is None or point is not None)
    return Reconciled(
        acked=acked,
        unknown=unread,
        writes=acked,
        lost=(lost, lost + unread),
        corrupt=(broken, broken),
        duplicates=what["duplicates"],
        rpo=(lo, lo + step if bounded and step is not None else None),
        recovery_point_ms=point,
        lost_at_ms=at,
    )


def measure_ledger(found: Reconciled, metric: str) -> Interval:
    """D19 for ``data_loss_time`` (milliseconds) or ``data_integrity`` (records lost, corrupt or there twice)."""
    codes = {"COVERAGE_LOW"} if found.coverage < LEAST_COVERAGE else set[str]()
    if not found.acked:
        codes = {"METRIC_NOT_MEASURED"}
    certain = found.lost[0] + found.corrupt[0] + found.duplicates
    possible = found.lost[1] + found.corrupt[1] + found.duplicates
    lo, hi = found.rpo if metric == "data_loss_time" else (certain, possible if found.acked else None)
    return Interval(lo, hi, frozenset(codes), found.coverage, {"ledger": _told(found)})


def _told(found: Reconciled) -> dict[str, object]:
    nothing = not found.lost[1] and not found.corrupt[1]
    rate = loss_rate_at_most(found.acked) if nothing else None
    return {
        "acked": found.acked,
        "unknown": found.unknown,
        "lost": list(found.lost),
        "corrupt": list(found.corrupt),
        "duplicates": found.duplicates,
        "recovery_point": None if found.recovery_point_ms is None else iso(found.recovery_point_ms),
        "lost_at": None if found.lost_at_ms is None else iso(found.lost_at_ms),
        "loss_rate_at_most": None if rate is None else round(rate, 6),
    }
