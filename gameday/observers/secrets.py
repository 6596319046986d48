"""Secrets of observers: references in the files, read when they are needed, in no plan, journal or error text."""

from __future__ import annotations

import os
from pathlib import Path

from gameday.errors import CouldNotStart, Problem
from gameday.model.types import Reference

LARGEST = 64 * 1024


def revealed(value: str | Reference, key: str) -> str:
    """The value, or what the reference leads to. CouldNotStart SECRET_MISSING names the reference, never a value."""
    if isinstance(value, str):
        return value
    found = os.environ.get(value.env, "") if value.env else _read(str(value.file))
    if not found.strip():
        where = f"the environment variable {value.env}" if value.env else f"the file {value.file}"
        message = f"{key}: {where} has no value"
        raise CouldNotStart(Problem("SECRET_MISSING", message, "set it where gameday runs, or name another"))
    return found.strip()


def _read(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            return file.read(LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
