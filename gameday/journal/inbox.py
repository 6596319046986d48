"""The inbox: commands on their way in, one a file, dropped by atomic rename.

Everybody but the conductor writes here. The conductor journals a command before it removes its file, and applies each
id once, so a crash between the two neither loses a command nor applies it twice.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from gameday.clock import wall_ms

Kind = Literal[
    "ack", "note", "tick", "wrong", "missing", "score", "hold", "resume", "skip", "fire", "delay", "restore", "abort",
    "emergency",
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(Kind)
LARGEST = 64 * 1024
MOST = 50  # in one turn: a flood of commands must not keep a run from its faults and guards
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.json")


@dataclass(frozen=True)
class Command:
    """One command. ``kind`` is ``unreadable`` for a file that is none; the conductor refuses it in the journal."""

    id: str
    kind: str
    who: str
    what: dict[str, Any] = field(default_factory=dict)


def drop(run_dir: Path, kind: Kind, who: str, **what: Any) -> str:
    """Put one command before the conductor; returns its id. Files sort by the time they were dropped, an
    abort or an emergency before all others."""
    first = f"0-{kind}-" if kind in ("abort", "emergency") else ""  # whatever else waits
    ident = f"{first}{wall_ms():013d}-{secrets.token_hex(4)}"
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


def take(run_dir: Path, known: Container[str] = (), most: int = MOST) -> list[Command]:
    """The oldest ``most`` commands that wait, aborts first. Each stays until ``settle``. Those whose id is ``known``
    come behind them, unread: they only have to be settled."""
    folder = run_dir / "inbox"
    try:
        names = sorted(n for n in os.listdir(folder) if _NAME.fullmatch(n))
    except FileNotFoundError:
        return []
    new = [n for n in names if n.removesuffix(".json") not in known]
    old = [n for n in names if n.removesuffix(".json") in known]
    return [*(_command(folder / name) for name in new[:most]), *(_unread(folder / name) for name in old[:most])]


def settle(run_dir: Path, command: Command) -> None:
    """Remove a command that the journal now holds."""
    (run_dir / "inbox" / f"{command.id}.json").unlink(missing_ok=True)


def _command(path: Path) -> Command:
    try:
        record = json.loads(_read(path))
        kind, who, what = record["kind"], record["who"], record.get("what", {})
        if kind in KINDS and isinstance(who, str) and isinstance(what, dict):
            return Command(path.stem, kind, who, what)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return _unread(path)


def _unread(path: Path) -> Command:
    return Command(path.stem, "unreadable", "unknown", {})


def _read(path: Path) -> bytes:
    """A plain file's beginning. OSError for anything else: a link leads elsewhere, and a pipe or a device may never
    answer, which would hold up the conductor."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError("no plain file")
        return os.read(fd, LARGEST)
    finally:
        os.close(fd)
