"""An interval against its limit as a bar of text: what was certainly used, what possibly, what was left."""

from __future__ import annotations

import math

WIDTH = 24
CERTAIN, POSSIBLE, LEFT, LIMIT, OPEN = "█", "▒", "░", "┃", "▶"
BEYOND = 1.25  # how far an open bar goes on behind the limit


def bar(lo: float, hi: float | None, limit: float) -> str:
    """``████▒▒░░░░┃``: filled up to ``lo``, shaded up to ``hi`` (``▶``: without end), a line at ``limit``.

    Rounded outwards, so that the interval never looks narrower than it is; what lies beyond the limit stands right of
    the line.
    """
    farthest = max(lo, limit) * BEYOND if hi is None else max(hi, lo, limit)
    if farthest <= 0:
        return LIMIT if hi is not None else POSSIBLE * WIDTH + OPEN
    scale = WIDTH / farthest
    mark = min(round(limit * scale), WIDTH if hi is not None and max(hi, lo) <= limit else WIDTH - 1)
    certain, possible = math.floor(round(lo * scale, 9)), WIDTH if hi is None else math.ceil(round(hi * scale, 9))
    certain = min(certain, mark) if lo <= limit else max(certain, min(mark + 1, WIDTH))
    possible = min(possible, mark) if hi is not None and hi <= limit else max(possible, min(mark + 1, WIDTH))
    length = max(mark, possible, certain)
    cells = [CERTAIN if i < certain else POSSIBLE if i < possible else LEFT for i in range(length)]
    return "".join([*cells[:mark], LIMIT, *cells[mark:]]) + (OPEN if hi is None else "")
