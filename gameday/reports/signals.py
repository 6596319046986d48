"""signals/*.csv: what was read, as a spreadsheet and ``gameday judge SERIES`` read it. An empty cell is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from gameday.clock import Ms, iso
from gameday.journal.events import Event
from gameday.model.tolerance import Tolerance
from gameday.plan import Plan, Signal
from gameday.reports.files import write_whole
from gameday.verdict.columns import table
from gameday.verdict.facts import Facts, gather
from gameday.verdict.window import evaluation

FOLDER = "signals"
LONGEST = 1_000_000  # rows: a period that does not fit its datapoints must not fill the disk
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_signals(run_dir: Path, plan: Plan, events: Sequence[Event]) -> None:
    """Write signals/<id>.csv (``start,value``) for each signal of the plan, and signals/<tolerance>.csv
    (``start,attempts,failures``) for each tolerance that has a window: the very buckets it was judged on, so that
    ``gameday judge`` measures them alike. The same run gives the same bytes.

    Where a tolerance is named like a signal its file is ``<tolerance>-tolerance.csv``. Other files are left alone.
    """
    facts = gather(events)
    folder = run_dir / FOLDER
    folder.mkdir(exist_ok=True)
    taken = set()
    for signal in plan.signals:
        taken.add(signal.id)
        rows = ((iso(t), value) for t, value in _grid(signal, facts.series.get(signal.id, {})))
        write_whole(folder / file_name(signal.id), _csv(("start", "value"), rows))
    for tolerance in plan.tolerances:
        if (found := _buckets(plan, tolerance, facts)) is not None:
            name = f"{tolerance.id}-tolerance" if tolerance.id in taken else tolerance.id
            write_whole(folder / file_name(name), found)


def file_name(ident: str) -> str:
    """The file of this id; whatever could lead out of the folder is percent-encoded."""
    safe = quote(ident, safe="")
    return f"{'%2E' + safe[1:] if safe.startswith('.') else safe}.csv"


def _buckets(plan: Plan, tolerance: Tolerance, facts: Facts) -> bytes | None:
    """A disturbed bucket has its attempts and no failures: unknown, as it was judged."""
    if plan.method != "live":
        return None
    window = evaluation(plan, tolerance, facts, facts.series)
    return _csv(*table(tolerance, window)) if window.buckets else None


def _grid(signal: Signal, known: Mapping[Ms, object]) -> Iterable[tuple[Ms, object]]:
    """Every bucket from the first that was read to the last; what does not lie on the grid is a row of its own."""
    if not known:
        return []
    first, last = min(known), max(known)
    whole = signal.period_ms > 0 and (last - first) // signal.period_ms < LONGEST
    steps = range(first, last + 1, signal.period_ms) if whole else range(0)
    return ((t, known.get(t)) for t in sorted({*steps, *known}))


def _csv(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> bytes:
    lines = [",".join(header), *(",".join(cell(value) for value in row) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def cell(value: object) -> str:
    """One cell: nothing for None, a number as short as it is exact, text quoted and never the start of a formula."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(int(value)) if value == value and abs(value) < 1e15 and value == int(value) else repr(value)
    text = str(value).replace("\0", "")
    if text.startswith(_FORMULA):
        text = f"'{text}"
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if any(c in text for c in ',"\n\r') else text
