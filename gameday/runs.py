"""Where runs are: ``.gameday/runs/<run-id>/`` under the workspace; which one is meant, and which one is conducted now.

A run is *live* while its conductor holds a lock on ``conductor.lock`` in its folder. The kernel takes the lock away
from a process that dies, so a run is never live by mistake.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Container
from datetime import UTC, datetime
from pathlib import Path

from gameday.clock import Ms
from gameday.errors import CouldNotStart, could_not_start

LOCK = "conductor.lock"
JOURNAL = "journal.jsonl"
_SHOWN = 10


def runs_folder(root: Path) -> Path:
    """The folder of all runs of the workspace at ``root``; it need not exist yet."""
    return root / ".gameday" / "runs"


def new_run_id(scenario_id: str, wall_ms: Ms, existing: Container[str] = ()) -> str:
    """``20261123-1012-payment-functions-stop`` (UTC), with ``-2``, ``-3`` ... when ``existing`` has it already."""
    stamp = datetime.fromtimestamp(wall_ms / 1000, tz=UTC).strftime("%Y%m%d-%H%M")
    wanted = ident = f"{stamp}-{scenario_id}"
    number = 1
    while ident in existing:
        number += 1
        ident = f"{wanted}-{number}"
    return ident


def make_run(root: Path, scenario_id: str, wall_ms: Ms) -> Path:
    """A new, empty folder for a run; two that begin in the same minute never get the same one."""
    folder, taken = runs_folder(root), set[str]()
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        ident = new_run_id(scenario_id, wall_ms, taken)
        try:
            (folder / ident).mkdir(mode=0o700)  # what people said in a run is theirs
        except FileExistsError:
            taken.add(ident)
            continue
        return folder / ident


def is_live(run_dir: Path) -> bool:
    """Whether a conductor holds this run now.

    The look takes a shared lock for an instant, so that two that look never take each other for a conductor.
    """
    try:
        fd = os.open(run_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def find_run(root: Path, text: str | None = None) -> Path:
    """The folder of the run that ``text`` means: its id, the beginning of its id if only one begins so, or a path.

    Without ``text``: the only run that is live; when none is, the newest. CouldNotStart when there is none, or several.
    """
    if text and (os.sep in text or text in (".", "..")):
        return _at_path(Path(text))
    known = all_runs(root)
    if text is None:
        return _default(root, known)
    begin = [run for run in known if run.name.startswith(text)]
    found = [run for run in known if run.name == text] or begin
    if len(found) == 1:
        return found[0]
    if found:
        raise _unclear(f"{text!r} begins the id of {len(found)} runs", found)
    raise could_not_start("RUN_UNKNOWN", f"no run here is called {text!r}", _known(known), runs_folder(root))


def run_folder(root: Path, given: Path | None) -> Path:
    """A folder as it was given; else the run that its name means, see :func:`find_run`."""
    if given is not None and given.is_dir():
        return given
    return find_run(root, None if given is None else str(given))


def all_runs(root: Path) -> list[Path]:
    """Every run folder that has a journal, oldest first."""
    try:
        found = [run for run in runs_folder(root).iterdir() if (run / JOURNAL).is_file()]
    except OSError:
        return []
    return sorted(found, key=lambda run: (run.name[:13], _changed(run)))


def _changed(run: Path) -> int:
    try:
        return (run / JOURNAL).stat().st_mtime_ns
    except OSError:
        return 0


def _at_path(path: Path) -> Path:
    if (path / JOURNAL).is_file():
        return path
    raise could_not_start("RUN_UNKNOWN", "this is not the folder of a run", f"a folder that holds {JOURNAL}", path)


def _default(root: Path, known: list[Path]) -> Path:
    live = [run for run in known if is_live(run)]
    if len(live) > 1:
        raise _unclear(f"{len(live)} runs are live", live)
    if live or known:
        return (live or known)[-1]
    raise could_not_start("NO_RUNS", "there is no run here yet", "gameday run SCENARIO", runs_folder(root))


def _unclear(message: str, found: list[Path]) -> CouldNotStart:
    return could_not_start("RUN_UNCLEAR", message, f"one of these ids: {_ids(found)}")


def _known(known: list[Path]) -> str:
    return f"one of these ids: {_ids(known)}" if known else "gameday run SCENARIO; there is no run here yet"


def _ids(found: list[Path]) -> str:
    newest = [run.name for run in found[::-1][:_SHOWN]]
    return ", ".join(newest) + (f" (and {len(found) - _SHOWN} older)" if len(found) > _SHOWN else "")
