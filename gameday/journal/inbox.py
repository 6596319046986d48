"""Commands on their way to the conductor: one file each, put there by atomic rename, applied once.

Everybody but the conductor writes here (second terminal, console, participants); the conductor takes a command,
journals it with its author, and removes the file.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KINDS = ("ack", "note", "hold", "resume", "skip", "abort")
LARGEST = 64 * 1024


@dataclass(frozen=True)
class Command:
    """One command. ``broken`` says why it cannot be applied; such a one is refused in the journal."""

    id: str
    kind: str
    who: str
    what: dict[str, Any] = field(default_factory=dict)
    broken: str | None = None


def drop(run_dir: Path, kind: str, who: str, **what: Any) -> str:
    """Put a command into the inbox of a run; returns its id. OSError when the folder cannot be written."""
    ident = secrets.token_hex(8)
    inbox = run_dir / "inbox"
    inbox.mkdir(exist_ok=True)
    draft = inbox / f".{ident}.draft"
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"id": ident, "kind": kind, "who": who, "what": what}, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(inbox / f"{ident}.json")
    return ident


def _read(path: Path) -> Command:
    broken = Command(path.stem, "unknown", "unknown", broken="it is not a command file")
    try:
        if path.is_symlink() or path.stat().st_size > LARGEST:
            return broken
        record = json.loads(path.read_bytes())
        kind, who, what = str(record["kind"]), str(record["who"]), dict(record["what"])
    except (OSError, ValueError, KeyError, TypeError):
        return broken
    if kind not in KINDS:
        return Command(path.stem, kind, who, what, f"{kind!r} is not a command; write one of {', '.join(KINDS)}")
    return Command(path.stem, kind, who, what)


def waiting(run_dir: Path) -> list[Command]:
    """Commands in the inbox, oldest first. They stay there until :func:`done`, so a crash loses none."""
    found = [p for p in (run_dir / "inbox").glob("*.json")]
    return [_read(p) for p in sorted(found, key=lambda p: (p.lstat().st_mtime_ns, p.name))]


def done(run_dir: Path, command: Command) -> None:
    """Remove a command that has been journalled."""
    (run_dir / "inbox" / f"{command.id}.json").unlink(missing_ok=True)
