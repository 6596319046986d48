"""Puts the content folders into the wheel as ``gameday/_library/``.

Only on a standard build: an editable install reads the checkout's own folders, so no stale copy is ever left behind.
Nothing is copied inside the checkout; the wheel takes the files from where they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONTENT = ("scenarios", "runbooks", "observers", "reports", "gameday.yaml")
LIBRARY = "gameday/_library"


class ShipContent(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's generic is for its own builders
    """Hatchling's hook for the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """``version`` is ``standard`` or ``editable``."""
        if version != "standard":
            return
        for name in CONTENT:
            if (Path(self.root) / name).exists():
                build_data["force_include"][str(Path(self.root) / name)] = f"{LIBRARY}/{name}"
