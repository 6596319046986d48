"""Undo: take back all that the ledger says is left, newest first, again and again until it is seen gone.

Undo knows only the ledger; it needs neither the journal nor the plan. It is idempotent: stopping what has ended is no
error. A time-out is unknown, never gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from gameday.clock import Clock
from gameday.conductor.ledger import Ledger, Leftover, outstanding
from gameday.journal.events import Draft
from gameday.protocols import Fault

FIRST_WAIT_MS = 200
LONGEST_WAIT_MS = 10_000
Emit = Callable[[Draft], None]


def undo_all(ledger: Ledger, faults: Mapping[str, Fault], clock: Clock, emit: Emit, deadline_ms: int) -> bool:
    """Whether nothing is left. Tries all leftovers in turn until ``deadline_ms`` (scenario time); each failing one
    leaves the others their turn. Emits ``undo.done`` and, at the deadline, ``undo.failed`` naming the resources."""
    wait = FIRST_WAIT_MS
    last: dict[str, str] = {}
    while left := outstanding(ledger.path):
        for leftover in reversed(left):
            last[leftover.step] = _try(leftover, ledger, faults, emit)
        left = outstanding(ledger.path)
        if not left or clock.now() >= deadline_ms:
            break
        clock.sleep(min(wait, max(1, deadline_ms - clock.now())))
        wait = min(wait * 2, LONGEST_WAIT_MS)
    for leftover in left:
        facts = {"step": leftover.step, "error": last.get(leftover.step, ""), "resources": leftover.trace}
        _tell(emit, Draft("undo.failed", facts))
    return not left


def _try(leftover: Leftover, ledger: Ledger, faults: Mapping[str, Fault], emit: Emit) -> str:
    """Stop one; returns what is still wrong, or nothing."""
    fault = faults.get(leftover.provider)
    if fault is None:
        return f"no provider {leftover.provider!r} is installed"
    try:
        status = fault.stop(dict(leftover.trace))
    except Exception as error:  # noqa: BLE001  # whatever a provider raises, the other leftovers get their turn
        return f"{type(error).__name__}: {error}"
    if status.state not in ("ended", "failed") or not status.clean:
        return f"still {status.state}: {status.detail}"
    try:
        ledger.gone(leftover.step)
    except OSError as error:
        return f"gone, but the ledger could not say so: {error}"
    _tell(emit, Draft("undo.done", {"step": leftover.step, "resource": leftover.trace}))
    return ""


def _tell(emit: Emit, draft: Draft) -> None:
    """Say it; undo goes on when nobody can hear, since a full disk must not keep the next fault in place."""
    try:
        emit(draft)
    except Exception:  # whatever the journal raises, the other leftovers get their turn
        logging.getLogger(__name__).exception("%s of step %s could not be journalled", draft.type, draft.what["step"])
