"""A signal as a line of blocks. A gap is shown as a gap: it is neither zero nor good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.text import Text

from gameday.clock import Ms
from gameday.plan import Signal

BLOCKS = "▂▃▄▅▆▇█"
ZERO, GAP, DISTURBED = "▁", "·", "~"


def newest(series: Mapping[Ms, float | None]) -> tuple[Ms, float] | None:
    """The last known value and the start of its bucket; None when nothing is known."""
    known = [(start, value) for start, value in series.items() if value is not None]
    return max(known, default=None)


def window(signal: Signal, series: Mapping[Ms, float | None], now: Ms, width: int) -> list[Ms]:
    """Starts of the last ``width`` buckets, up to the newest that has settled by ``now``."""
    period = signal.period_ms
    phase = min(series) % period if series else 0
    last = (now - signal.settles_ms - period - phase) // period * period + phase
    last = max(last, max((start for start, value in series.items() if value is not None), default=last))
    return [last - period * back for back in range(width - 1, -1, -1)]


def spark(
    signal: Signal, series: Mapping[Ms, float | None], now: Ms, width: int, disturbed: Sequence[tuple[Ms, Ms]] = ()
) -> Text:
    """The last ``width`` buckets; the highest block is the largest value among them."""
    starts = window(signal, series, now, width)
    first = min(series, default=None)
    top = max((value for start in starts if (value := series.get(start)) is not None), default=0.0)

    def glyph(start: Ms) -> str:
        if first is None or start < first:
            return " "
        ruined = any(since < start + signal.period_ms and until > start for since, until in disturbed)
        return DISTURBED if ruined else _block(series.get(start), top)

    text = Text()
    for doubtful, same in groupby((glyph(s) for s in starts), key=lambda g: g in (GAP, DISTURBED)):
        text.append("".join(same), style="yellow" if doubtful else "cyan")
    return text


def _block(value: float | None, top: float) -> str:
    if value is None:
        return GAP
    if value <= 0 or top <= 0:
        return ZERO
    return BLOCKS[min(len(BLOCKS) - 1, int(value / top * len(BLOCKS)))]
