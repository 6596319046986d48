"""The inbox: commands on their way in, one a file, dropped by atomic rename.

Everybody but the conductor writes here. The conductor journals a command before it removes its file, and applies each
id once, so a crash between the two neither loses a command nor applies it twice.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from gameday.clock import wall_ms

Kind = Literal["ack", "note", "hold", "resume", "skip", "abort"]
KINDS: tuple[str, ...] = get_args(Kind)
LARGEST = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.json")


@dataclass(frozen=True)
class Command:
    """One command. ``kind`` is ``unreadable`` for a file that is none; the conductor refuses it in the journal."""

    id: str
    kind: str
    who: str
    what: dict[str, Any] = field(default_factory=dict)


def drop(run_dir: Path, kind: Kind, who: str, **what: Any) -> str:
    """Put one command before the conductor; returns its id. Files sort by the time they were dropped."""
    ident = f"{wall_ms():013d}-{secrets.token_hex(4)}"
    folder = run_dir / "inbox"
    folder.mkdir(exist_ok=True)
    data = json.dumps({"id": ident, "kind": kind, "who": who, "what": what}, ensure_ascii=False, allow_nan=False)
    part = folder / f".{ident}.part"
    with part.open("x", encoding="utf-8") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(folder / f"{ident}.json")
    return ident


def take(run_dir: Path) -> list[Command]:
    """Every command that waits, oldest first. It stays until ``settle``."""
    folder = run_dir / "inbox"
    try:
        names = sorted(n for n in os.listdir(folder) if _NAME.fullmatch(n))
    except FileNotFoundError:
        return []
    return [_command(folder / name) for name in names]


def settle(run_dir: Path, command: Command) -> None:
    """Remove a command that the journal now holds."""
    (run_dir / "inbox" / f"{command.id}.json").unlink(missing_ok=True)


def _command(path: Path) -> Command:
    try:
        with path.open("rb") as file:
            record = json.loads(file.read(LARGEST))
        kind, who, what = record["kind"], record["who"], record.get("what", {})
        if kind in KINDS and isinstance(who, str) and isinstance(what, dict):
            return Command(path.stem, kind, who, what)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return Command(path.stem, "unreadable", "unknown", {})
