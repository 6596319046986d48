"""Freeze calendars as schedules name them: files of the workspace, and https addresses, each fetched once.

An address that cannot be read leaves the freeze unknown, and what is unknown skips the run.
"""

from __future__ import annotations

import urllib.request
from pathlib import Path

from gameday.model.content import Content
from gameday.schedules.calendars import Freezes
from gameday.schedules.review import read_freeze

WITHIN_S, MOST = 10, 5_000_000


def freezes_of(content: Content) -> Freezes:
    """All that the schedules of a workspace name."""
    names = {name for loaded in content.schedules.values() for name in loaded.model.freezes}
    return Freezes({name: read(content.root, name) for name in sorted(names)})


def read(root: Path, name: str) -> bytes | None:
    """Its bytes, or None when it cannot be read."""
    return _fetched(name) if name.startswith("https://") else read_freeze(root, name)


def _fetched(address: str) -> bytes | None:
    try:
        with urllib.request.urlopen(address, timeout=WITHIN_S) as answer:  # https alone: the caller looked
            raw: bytes = answer.read(MOST + 1) if answer.url.startswith("https://") else b""  # wherever it led
    except (OSError, ValueError):
        return None
    return raw if 0 < len(raw) <= MOST else None
