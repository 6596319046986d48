"""A series that no run produced: a CSV of ``start,attempts,failures``, so that a real incident is measured alike.

``dt`` is the smallest step between rows; a row that is absent, or has an empty cell, is unknown.
"""

from __future__ import annotations

import csv
import io
import math
from itertools import pairwise

from gameday.clock import from_iso
from gameday.errors import InvalidFiles, Place, Problem
from gameday.model.tolerance import Tolerance
from gameday.verdict.advice import to_conclude
from gameday.verdict.judge import Judgement, judge, method_for
from gameday.verdict.states import Bucket

HEADER = ["start", "attempts", "failures"]
LARGEST_GRID = 2_000_000


def _wrong(path: str, line: int, column: int, message: str, write: str) -> InvalidFiles:
    return InvalidFiles(Problem("SERIES_MALFORMED", message, write, Place(path, line, column)))


def _start(text: str, path: str, line: int) -> int:
    try:
        return from_iso(text) if not text.isdigit() else int(text) * 1000
    except ValueError as error:
        write = "a time like 2026-11-24T05:03:00Z, or whole seconds"
        raise _wrong(path, line, 1, f"{text!r} is not a time with a zone", write) from error


def _count(row: list[str], index: int, path: str, line: int) -> float | None:
    text = row[index].strip() if index < len(row) else ""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise _wrong(path, line, index + 1, f"{text!r} is not a count", "a number of 0 or more, or nothing if unknown")
    return value


def read_rows(raw: bytes, path: str) -> list[Bucket]:
    """The rows as they stand; InvalidFiles names line and column (the column is that of the cell)."""
    try:
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _wrong(path, 1, 1, f"this is not CSV text ({error})", ",".join(HEADER)) from error
    if not rows or [cell.strip() for cell in rows[0]] != HEADER:
        raise _wrong(path, 1, 1, "the first line is not the header", ",".join(HEADER))
    found = []
    for line, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(HEADER):
            raise _wrong(path, line, len(HEADER) + 1, "too many cells", ",".join(HEADER))
        start = _start(row[0].strip(), path, line)
        found.append(Bucket(start, _count(row, 1, path, line), _count(row, 2, path, line)))
        if len(found) > 1 and found[-2].start_ms >= start:
            raise _wrong(path, line, 1, "this row is not later than the one before", "rows in order of time, once each")
    return found


def on_grid(rows: list[Bucket], path: str) -> tuple[list[Bucket], int]:
    """All buckets from first to last, absent ones unknown, and dt in milliseconds."""
    if len(rows) < 2:
        raise _wrong(path, 1, 1, "fewer than two rows", "at least two rows, so that the resolution is known")
    dt = min(b.start_ms - a.start_ms for a, b in pairwise(rows))
    known, first = {row.start_ms: row for row in rows}, rows[0].start_ms
    stray = next((r for r in rows if (r.start_ms - first) % dt), None)
    if stray or (rows[-1].start_ms - first) // dt >= LARGEST_GRID:
        line = rows.index(stray) + 2 if stray else len(rows) + 1
        raise _wrong(path, line, 1, f"this row is not whole steps of {dt / 1000:g} s away", "evenly spaced rows")
    return [known.get(t, Bucket(t, None, None)) for t in range(first, rows[-1].start_ms + dt, dt)], dt


def judge_series(raw: bytes, path: str, tolerance: Tolerance) -> Judgement:
    """The verdict on a CSV file."""
    buckets, dt = on_grid(read_rows(raw, path), path)
    method = method_for(tolerance, dt)
    judged = judge(tolerance, buckets, method)
    return {**judged, "to_conclude": to_conclude(tolerance, method, judged, {})}
