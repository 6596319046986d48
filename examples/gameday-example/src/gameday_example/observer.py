"""An observer that counts the files in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from gameday.model.types import Strict, Text
from gameday.plan import Signal
from gameday.protocols import Sample, Window


class FilesQuery(Strict):
    """What an observer file asks of ``example.files``."""

    folder: Text


class FilesObserver:
    """The source ``example.files``: how many files are in a folder now. A folder that is not there holds none."""

    name = "example-files"
    sources = frozenset({"example.files"})
    queries: Mapping[str, type[BaseModel]] = {"example.files": FilesQuery}

    def sample(self, signals: Sequence[Signal], window: Window) -> Mapping[str, Sequence[Sample]]:
        """One datapoint a signal, for the last bucket of the window: the past of a folder is not known.

        What cannot be read raises (here: a folder that we may not look into), and that is a gap, never a zero.
        """
        return {signal.id: [_sample(signal, window)] for signal in signals}


def _sample(signal: Signal, window: Window) -> Sample:
    folder = Path(FilesQuery.model_validate(signal.query).folder)
    count = sum(1 for _ in folder.iterdir()) if folder.exists() else 0
    start = (window.end_ms - signal.period_ms) // signal.period_ms * signal.period_ms
    return Sample(start, float(count))
