"""``.gameday/chain.jsonl``: the runs of a workspace, numbered when they begin and closed when they end.

Each line holds the SHA-256 of the line before it, with its newline. A run that was aborted, that was inconclusive or
whose conductor died has its number like any other, so that one that is left out shows: its number is missing, or the
chain is not the one that other runs have written into their journals and their signed pre-registrations. Whoever holds
every copy can write all of it anew; an end of the chain kept elsewhere shows that.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.clock import Ms, iso
from gameday.errors import DamagedRun, Place, Problem
from gameday.journal.store import FIRST
from gameday.runs import JOURNAL, all_runs, is_live

CHAIN = "chain.jsonl"
_TAIL, _LAST = 1 << 20, 50  # bytes and lines of a journal in which its end is looked for


@dataclass(frozen=True)
class Numbered:
    """The number of a run, and the chain up to the line that gave it."""

    no: int
    head: str
    lines: int


def chain_path(root: Path) -> Path:
    """The chain of the workspace at ``root``."""
    return root / ".gameday" / CHAIN


def parse_chain(raw: bytes, path: str = CHAIN) -> list[dict[str, Any]]:
    """Its lines in order. DamagedRun CHAIN_BROKEN when one does not follow from the line before, or numbers wrongly."""
    found: list[dict[str, Any]] = []
    prev, runs = FIRST, dict[str, int]()
    for number, line in enumerate(raw.splitlines(keepends=True), 1):
        try:
            link = json.loads(line)
            fits = (link["line"], link["prev"], _line(link)) == (number, prev, line)
            fits = fits and link["no"] == runs.setdefault(link["run"], len(runs) + 1)
        except (ValueError, KeyError, TypeError, RecursionError):
            fits = False
        if not fits:
            what = f"line {number} of the chain of runs does not follow from what is before it"
            write = "nothing by hand; a copy of the chain as it was"
            raise DamagedRun(Problem("CHAIN_BROKEN", what, write, Place(path, number)))
        found.append(link)
        prev = hashlib.sha256(line).hexdigest()
    return found


def number_run(root: Path, run_dir: Path, environment: str, plan_sha256: str, wall: Ms) -> Numbered:
    """Give this run the next number, after closing those that have ended."""
    with _open(root) as chain:
        chain.catch_up(root, but=run_dir)
        chain.begin(run_dir.name, {"environment": environment, "plan": plan_sha256, "at": iso(wall)})
        return chain.numbered(run_dir.name)


def close_runs(root: Path) -> bytes:
    """Write into the chain how each run ended that has ended since; returns the whole chain."""
    if not (root / ".gameday").is_dir():
        return b""
    with _open(root) as chain:
        chain.catch_up(root)
        return chain.raw


def upto(raw: bytes, run: str) -> bytes:
    """The chain up to the last line that tells of this run; nothing when none does."""
    lines = raw.splitlines(keepends=True)
    last = max((n for n, line in enumerate(lines, 1) if json.loads(line)["run"] == run), default=0)
    return b"".join(lines[:last])


class _Chain:
    """The chain, open and locked."""

    def __init__(self, fd: int, raw: bytes, links: list[dict[str, Any]]) -> None:
        self._fd, self.raw, self._links = fd, raw, links

    def begin(self, run: str, what: Mapping[str, Any]) -> None:
        self._append(run, "began", what)

    def numbered(self, run: str) -> Numbered:
        no = next(link["no"] for link in self._links if link["run"] == run)
        return Numbered(no, hashlib.sha256(self.raw.splitlines(keepends=True)[-1]).hexdigest(), len(self._links))

    def catch_up(self, root: Path, but: Path | None = None) -> None:
        """Number what has no number yet, as a run older than the chain; close what has ended."""
        for run_dir in all_runs(root):
            known = [link for link in self._links if link["run"] == run_dir.name]
            if run_dir == but or is_live(run_dir) or (end := _end(run_dir)) is None:
                continue
            if not known:
                self.begin(run_dir.name, {"late": True})
            if not any(link["what"] == "ended" and link["journal_head"] == end["journal_head"] for link in known):
                self._append(run_dir.name, "ended", end)

    def _append(self, run: str, what: str, facts: Mapping[str, Any]) -> None:
        no = {link["run"]: link["no"] for link in self._links}
        prev = hashlib.sha256(self.raw.splitlines(keepends=True)[-1]).hexdigest() if self.raw else FIRST
        link = {"line": len(self._links) + 1, "prev": prev, "no": no.get(run, len(no) + 1), "run": run, "what": what}
        line = _line({**link, **facts})
        os.write(self._fd, line)
        os.fsync(self._fd)
        self.raw += line
        self._links.append(json.loads(line))


def _line(link: Mapping[str, Any]) -> bytes:
    return json.dumps(link, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@contextmanager
def _open(root: Path) -> Iterator[_Chain]:
    """Locked; a last line that was cut off while it was written is taken away, as nobody was told of it."""
    path = chain_path(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        raw = path.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        os.ftruncate(fd, len(whole))
        yield _Chain(fd, whole, parse_chain(whole, str(path)))
    finally:
        os.close(fd)


def _end(run_dir: Path) -> dict[str, Any] | None:
    """How this run ended, as the last lines of its journal say. None when it has not."""
    try:
        with (run_dir / JOURNAL).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            tail = file.read()
        lines = tail[: tail.rfind(b"\n") + 1].splitlines(keepends=True)[-_LAST:]
        events = [json.loads(line) for line in lines if line.startswith(b"{")]
        turns = [e for e in events if e["type"] in ("run.ended", "run.reopened", "run.resumed")]
        if not turns or turns[-1]["type"] != "run.ended":
            return None
        status, head = turns[-1]["what"]["status"], hashlib.sha256(lines[-1]).hexdigest()
        return {"status": status, "outcome": _outcome(run_dir), "journal_head": head,
                "journal_count": events[-1]["seq"]}  # fmt: skip
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def _outcome(run_dir: Path) -> str | None:
    """What verdict.json says; None while nobody has judged it."""
    try:
        return str(json.loads((run_dir / "verdict.json").read_bytes())["outcome"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
