"""Undo: take back all that the ledger says is left, newest first, again and again until it is seen gone.

Undo knows only the ledger; it needs neither the journal nor the plan. It is idempotent: stopping what has ended is no
error. A time-out is unknown, never gone. A damaged ledger is undone as far as it can be read, and is never called safe.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gameday.clock import Clock
from gameday.conductor.ledger import Ledger, Leftover, Outstanding, outstanding
from gameday.journal.events import Draft
from gameday.protocols import ProviderStatus, Stops

FIRST_WAIT_MS = 200
LONGEST_WAIT_MS = 10_000
STOP_WITHIN_S = 30.0
LAST = "dead-man"  # its alarm ends the others' faults when we do not, so it goes when they are gone
Emit = Callable[[Draft], None]


def undo_all(
    ledger: Ledger,
    faults: Mapping[str, Stops],
    clock: Clock,
    emit: Emit,
    deadline_ms: int,
    why: str = "end of run",
    *,
    stop_within_s: float = STOP_WITHIN_S,
) -> bool:
    """Whether nothing is left. Tries all leftovers in turn until ``deadline_ms`` (scenario time); each failing one
    leaves the others their turn, and so does one whose provider does not answer within ``stop_within_s`` (wall time).

    Emits ``undo.started`` once when there is anything to do, ``undo.done`` for each seen gone and, at the deadline,
    ``undo.failed`` naming the resources; a damaged line gives ``undo.failed`` of the step "" with LEDGER_DAMAGED, and
    then the answer is False though all that could be read is gone.
    """
    found = outstanding(ledger.path)
    if found.left or found.damaged:
        _tell(emit, Draft("undo.started", {"why": why}))
    undo = _Undo(ledger, faults, emit, stop_within_s, {})
    left = undo.until(found.left, clock, deadline_ms)
    for leftover in left:
        facts = {"step": leftover.step, "error": undo.wrong.get(leftover.step, ""), "resources": leftover.trace}
        _tell(emit, Draft("undo.failed", facts))
    _tell_damage(emit, found)
    return not left and not found.damaged


@dataclass
class _Undo:
    """One call of undo: what it works with, and what is still wrong with each step."""

    ledger: Ledger
    faults: Mapping[str, Stops]
    emit: Emit
    stop_within_s: float
    wrong: dict[str, str]

    def until(self, left: list[Leftover], clock: Clock, deadline_ms: int) -> list[Leftover]:
        """Round after round, with growing waits; returns what is left when all is gone or time is over."""
        wait = FIRST_WAIT_MS
        while left:
            for leftover in sorted(reversed(left), key=lambda found: found.provider == LAST):
                self.wrong[leftover.step] = self._try(leftover)
            left = outstanding(self.ledger.path).left
            if not left or clock.now() >= deadline_ms:
                break
            clock.sleep(min(wait, max(1, deadline_ms - clock.now())))
            wait = min(wait * 2, LONGEST_WAIT_MS)
        return left

    def _try(self, leftover: Leftover) -> str:
        """Stop one; returns what is still wrong, or nothing."""
        fault = self.faults.get(leftover.provider)
        if leftover.provider == LAST and any(x.provider != LAST for x in outstanding(self.ledger.path).left):
            return "it stays until the faults that it would end are gone"
        if fault is None:
            return f"no provider {leftover.provider!r} is installed"
        status = _stop(fault, dict(leftover.trace), self.stop_within_s)
        if not isinstance(status, ProviderStatus):
            return f"{type(status).__name__}: {status}"
        if status.state not in ("ended", "failed") or not status.clean:
            return f"still {status.state}: {status.detail}"
        try:
            self.ledger.gone(leftover.step)
        except OSError as error:
            return f"gone, but the ledger could not say so: {error}"
        facts = {"step": leftover.step, "resource": leftover.trace, "detail": status.detail}
        _tell(self.emit, Draft("undo.done", facts))
        return ""


def _stop(fault: Stops, trace: dict[str, str], within_s: float) -> ProviderStatus | Exception:
    """What the provider answers, or raises, in a thread of its own: one that hangs is left behind and tried again."""
    answer: queue.SimpleQueue[ProviderStatus | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(fault.stop(trace))
        except Exception as error:  # noqa: BLE001  # whatever a provider raises, the other leftovers get their turn
            answer.put(error)

    try:
        threading.Thread(target=ask, name="gameday-undo", daemon=True).start()
        return answer.get(timeout=within_s)
    except RuntimeError as error:  # no thread to be had: the next round tries again
        return error
    except queue.Empty:
        return ProviderStatus("unknown", f"the provider did not answer within {within_s:g} s")


def _tell_damage(emit: Emit, found: Outstanding) -> None:
    if found.damaged:
        error = "; ".join(f"{problem.code}: {problem.message}" for problem in found.damaged)
        error = f"{error}. {found.damaged[0].write}"
        _tell(emit, Draft("undo.failed", {"step": "", "error": error, "resources": {}}))


def _tell(emit: Emit, draft: Draft) -> None:
    """Say it; undo goes on when nobody can hear, since a full disk must not keep the next fault in place."""
    try:
        emit(draft)
    except Exception as error:  # whatever the journal raises, the other leftovers get their turn
        what = draft.what.get("step")
        logging.getLogger(__name__).error("%s of step %s could not be journalled: %s", draft.type, what, error)
