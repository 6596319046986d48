"""A channel that appends to a file what people are asked."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from gameday.model.types import Strict, Text
from gameday.protocols import Prompt


class LogSettings(Strict):
    """Its own keys in gameday.yaml."""

    path: Text


class LogChannel:
    """``via: example-log``. It is made once for a run, with its keys as ``settings``."""

    name = "example-log"
    settings: type[BaseModel] = LogSettings

    def __init__(self, settings: LogSettings) -> None:
        self._path = Path(settings.path)

    def deliver(self, prompt: Prompt) -> str:
        """Write one line; the receipt says where. What raises is journalled: the prompt is on the terminal too."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{prompt.to}: {' '.join(prompt.says.split())}\n")
        return f"written to {self._path}"
