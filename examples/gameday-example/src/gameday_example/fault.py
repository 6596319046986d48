"""A fault that is a file: made when it starts, removed when it is taken back. It harms nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel

from gameday.errors import Problem
from gameday.model.service import Technology
from gameday.model.types import Strict, Text
from gameday.protocols import Note, Order, ProviderStatus, Trace


class FileSettings(Strict):
    """The step's own keys: where the file is made."""

    folder: Text


class FileFault:
    """``fault: example-file``."""

    name = "example-file"
    settings: type[BaseModel] = FileSettings

    @staticmethod
    def check(settings: BaseModel, targets: Sequence[Technology]) -> Sequence[Problem]:
        """Optional: what lint can say from the files alone."""
        folder = FileSettings.model_validate(settings).folder
        if ".." in Path(folder).parts:
            return [Problem("EXAMPLE_OUTSIDE", f"folder: {folder!r} leads out of where you are", "a folder below it")]
        return []

    def start(self, order: Order, note: Note) -> Trace:
        """Make the file. ``note`` comes first: once it returns, undo knows the path, whatever happens to us."""
        folder = Path(FileSettings.model_validate(order.settings).folder).absolute()
        trace = {"run": order.run, "step": order.step, "token": order.token, "path": str(folder / order.token)}
        note(trace)
        folder.mkdir(parents=True, exist_ok=True)
        Path(trace["path"]).touch()
        return trace

    def poll(self, trace: Trace) -> ProviderStatus:
        """How it is now. It does not end by itself, so a file that is gone has been removed by somebody."""
        there = Path(trace["path"]).exists()
        return ProviderStatus("active") if there else ProviderStatus("ended", "the file is gone", clean=True)

    def stop(self, trace: Trace) -> ProviderStatus:
        """Remove the file. It may be called again, by another process, and before start has done anything: then there
        is no path, and since ``note`` comes first there is no file either."""
        if "path" in trace:
            with suppress(FileNotFoundError):
                Path(trace["path"]).unlink()
        return ProviderStatus("ended", "the file is removed", clean=True)
