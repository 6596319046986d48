"""``python -m gameday.wiring.watchdog RUN-FOLDER SILENCE``: undo what a dead or silent conductor has left.

It waits beside a run with faults that AWS does not end for us. A conductor that is dead has lost its lock, however it
died; one that hangs writes no pulse. After SILENCE seconds of wall time without a turn, one that hangs is killed, so
that it cannot go on later beside those who have taken its run over, and the run is taken over as ``gameday recover``
does it: undone from the ledger, newest first, seen gone, ended. Until then ``gameday resume`` may go on with the run.
Whoever holds the run's lock is left alone, so it fights neither ``recover`` nor ``resume``. It ends when the run has
ended and nothing is left.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from gameday.conductor.pulse import end_silent, silent_s
from gameday.errors import GamedayError
from gameday.journal.inbox import drop
from gameday.reports.finish import conclude
from gameday.runs import is_live
from gameday.wiring.recovering import put_away, recover, unfinished
from gameday.wiring.starting import rehearsal_lock

LOOK_S = 0.5
ATTEMPTS, REST_S = 60, 5.0
LOG = logging.getLogger("gameday.watchdog")


def watch(run_dir: Path, silence_s: float, told: threading.Event) -> bool:
    """Until the run has ended and nothing is left of it, whoever saw to that; False when something stays."""
    failures, quiet_s = 0, 0.0  # the latter is for a pulse that cannot be read
    while failures < ATTEMPTS:
        quiet_s += LOOK_S
        if is_live(run_dir):
            quiet_s = 0.0
            _end_hanging(run_dir, silence_s)
        elif not unfinished(run_dir):
            return True
        elif max(quiet_s, silent_s(run_dir) or 0.0) >= silence_s and not _take_over(run_dir):
            failures += 1
            told.wait(REST_S)
        if told.wait(LOOK_S):
            return True
    return False


def _end_hanging(run_dir: Path, silence_s: float) -> None:
    if _hangs(run_dir, silence_s):
        LOG.warning("the conductor was silent for %g s and was killed", silence_s)
        drop(run_dir, "note", "watchdog", text=f"The conductor was silent for {silence_s:g} s and was killed.")


def _hangs(run_dir: Path, silence_s: float) -> bool:
    """Whether a conductor was silent for too long; it is dead then."""
    silent = silent_s(run_dir)
    return silent is not None and silent > silence_s and end_silent(run_dir)


def _take_over(run_dir: Path) -> bool:
    """Whether nothing is left, or somebody else has taken the run over first."""
    root = run_dir.parents[2]
    LOG.warning("nobody conducts %s: it is undone", run_dir.name)
    drop(run_dir, "note", "watchdog", text="Nobody conducted any more: the watchdog took the run over to undo it.")
    try:
        found = recover(root, run_dir)
    except Exception:  # whatever it is, what is left has to be taken back: again
        LOG.exception("not undone")
        return False
    if found is None:
        return True
    LOG.warning("%s: %s", found.run, found.said)
    try:
        conclude(run_dir)
    except GamedayError as error:
        LOG.warning("no report: %s", error)
    _end_rehearsal(root)
    return found.clean


def _end_rehearsal(root: Path) -> None:
    """Of a run that nobody conducts any more, unless another one uses it by now."""
    lock = rehearsal_lock(root)
    if lock is not None:
        put_away(root)
        lock.release()


def main() -> None:
    """Say that it watches, and watch."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    told = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        told.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    run_dir, silence_s = Path(sys.argv[1]).resolve(), float(sys.argv[2])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.exit(0 if watch(run_dir, silence_s, told) else 1)


if __name__ == "__main__":
    main()
