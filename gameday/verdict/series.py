"""Data that no run produced: a CSV (:mod:`gameday.verdict.columns`), so that a real incident is measured alike.

``dt`` is the smallest step between rows; a row that is absent, or has an empty cell, is unknown. A canary ledger has a
row for each write: an empty ``acked_at`` was never acknowledged, an empty ``present`` or ``sha_ok`` is unknown.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from gameday.clock import Ms, from_iso
from gameday.errors import InvalidFiles, Place, Problem
from gameday.model.measure import LEDGER_METRICS
from gameday.model.tolerance import Tolerance
from gameday.verdict.advice import to_conclude
from gameday.verdict.columns import BACKLOG, accepted, measured_by
from gameday.verdict.integrity import Write, reconcile
from gameday.verdict.judge import Judgement, bucket, judge, judge_ledger, method_for

LARGEST_GRID = 2_000_000
_WORDS = {"1": True, "0": False, "true": True, "false": False, "": None}
Cells = tuple[float | None, ...]


@dataclass(frozen=True)
class _File:
    """A CSV whose header fits: its rows with the number of their line."""

    path: str
    header: tuple[str, ...]
    rows: list[tuple[int, list[str]]]

    def wrong(self, line: int, column: int, message: str, write: str) -> InvalidFiles:
        """What is wrong, with its place (the column is that of the cell)."""
        return _wrong(self.path, line, column, message, write)


def _wrong(path: str, line: int, column: int, message: str, write: str) -> InvalidFiles:
    return InvalidFiles(Problem("SERIES_MALFORMED", message, write, Place(path, line, column)))


def _open(raw: bytes, path: str, headers: list[tuple[str, ...]]) -> _File:
    write = " or ".join(",".join(header) for header in headers)
    try:
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _wrong(path, 1, 1, f"this is not CSV text ({error})", write) from error
    header = tuple(cell.strip() for cell in rows[0]) if rows else ()
    if header not in headers:
        raise _wrong(path, 1, 1, "the first line is not the header that this metric needs", write)
    told = [(line, [c.strip() for c in row]) for line, row in enumerate(rows[1:], 2) if any(c.strip() for c in row)]
    for line, row in told:
        if len(row) > len(header):
            raise _wrong(path, line, len(header) + 1, "too many cells", ",".join(header))
    return _File(path, header, [(line, row + [""] * (len(header) - len(row))) for line, row in told])


def _start(file: _File, line: int, column: int, text: str) -> Ms:
    try:
        return from_iso(text) if not text.isdigit() else int(text) * 1000
    except ValueError as error:
        write = "a time like 2026-11-24T05:03:00Z, or whole seconds"
        raise file.wrong(line, column, f"{text!r} is not a time with a zone", write) from error


def _count(file: _File, line: int, column: int, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise file.wrong(line, column, f"{text!r} is not a count", "a number of 0 or more, or nothing if unknown")
    return value


def _rows(file: _File) -> Iterator[tuple[int, Ms, Cells]]:
    """Line, start and cells of each row, in order of time."""
    before: Ms | None = None
    for line, row in file.rows:
        start = _start(file, line, 1, row[0])
        if before is not None and before >= start:
            raise file.wrong(line, 1, "this row is not later than the one before", "rows in order of time, once each")
        before = start
        yield line, start, tuple(_count(file, line, i, text) for i, text in enumerate(row[1:], 2))


def _grid(file: _File) -> tuple[dict[Ms, Cells], range]:
    """The known cells by start, and all buckets from first to last."""
    rows = list(_rows(file))
    if len(rows) < 2:
        raise file.wrong(1, 1, "fewer than two rows", "at least two rows, so that the resolution is known")
    first, last = rows[0][1], rows[-1][1]
    dt = min(b[1] - a[1] for a, b in pairwise(rows))
    stray = next((line for line, start, _ in rows if (start - first) % dt), None)
    if stray or (last - first) // dt >= LARGEST_GRID:
        line = stray or rows[-1][0]
        raise file.wrong(line, 1, f"this row is not whole steps of {dt / 1000:g} s away", "evenly spaced rows")
    return {start: cells for _, start, cells in rows}, range(first, last + dt, dt)


def judge_series(raw: bytes, path: str, tolerance: Tolerance) -> Judgement:
    """The verdict on a CSV file; InvalidFiles (SERIES_MALFORMED) names line and column of what is wrong."""
    file = _open(raw, path, accepted(tolerance))
    if tolerance.metric in LEDGER_METRICS:
        judged = judge_ledger(tolerance, reconcile(_writes(file), tolerance.measure.interval))
        return {**judged, "to_conclude": to_conclude(tolerance, method_for(tolerance, 1_000), judged, {})}
    known, grid = _grid(file)
    tolerance = measured_by(tolerance, file.header)
    columns = {name: [known[t][i] if t in known else None for t in grid] for i, name in enumerate(file.header[1:])}
    first, second = (columns[_column(name, columns)] for name in tolerance.pair)
    buckets = [bucket(tolerance, t, a, f) for t, a, f in zip(grid, first, second, strict=True)]
    method = method_for(tolerance, grid.step)
    judged = judge(tolerance, buckets, method, (), columns.get(BACKLOG), columns)
    return {**judged, "to_conclude": to_conclude(tolerance, method, judged, {})}


def _column(name: str | None, columns: dict[str, list[float | None]]) -> str:
    """Names of observers have hyphens where columns have underscores."""
    return next(column for column in columns if column.replace("_", "-") == name)


def _writes(file: _File) -> list[Write]:
    found: dict[int, Write] = {}
    for line, row in file.rows:
        if not row[0].isdigit() or int(row[0]) in found:
            raise file.wrong(line, 1, f"{row[0]!r} is no sequence number of its own", "a whole number, each once")
        acked = _start(file, line, 2, row[1]) if row[1] else None
        present, intact = (_word(file, line, column, row[column - 1]) for column in (3, 4))
        copies = _count(file, line, 5, row[4]) if len(row) > 4 else None
        found[int(row[0])] = Write(int(row[0]), acked, present, intact, 1 if copies is None else int(copies))
    return list(found.values())


def _word(file: _File, line: int, column: int, text: str) -> bool | None:
    if text.lower() not in _WORDS:
        raise file.wrong(line, column, f"{text!r} is neither yes nor no", "1, 0, or nothing if unknown")
    return _WORDS[text.lower()]
